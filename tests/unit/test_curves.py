"""What the curve of a tensor says, against counting and adding up every element."""

import math
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruner import Amount, Mask
from pruner.curves import Curve, curve_of
from pruner.elements import elements_in
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.methods.threshold import Threshold
from pruner.rounds import run_round, threshold_of
from pruner.steps import finish

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
INTEGERS = [torch.int8, torch.uint8, torch.int16, torch.uint16, torch.int32, torch.int64]
BOUND = 1e-3
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.25, -0.25, math.inf, -math.inf, math.nan]
values_of = st.lists(
    st.one_of(st.sampled_from(SPECIAL), st.floats(2.0**-14, 2.0**14, width=32), st.floats(-2, -(2.0**-14), width=32)),
    min_size=1,
    max_size=60,
)


def curve(tensor: torch.Tensor, mask: Mask | None = None) -> Curve:
    return finish(curve_of(elements_in(tensor, mask)))


def magnitudes(tensor: torch.Tensor) -> torch.Tensor:
    """In float64, which holds all of them that the tests make."""
    return tensor.abs().to(torch.float64) if tensor.is_complex() else tensor.to(torch.float64).abs()


def remaining(left: torch.Tensor, keep: torch.Tensor) -> tuple[float, float]:
    """The shares of the norms of the finite elements."""
    finite = left.isfinite()
    kept, whole = left[finite & keep], left[finite]
    shares = [float(torch.linalg.vector_norm(kept, n) / torch.linalg.vector_norm(whole, n)) for n in (1, 2)]
    return tuple(1.0 if math.isnan(share) else share for share in shares)


def check(tensor: torch.Tensor, mask: Mask | None = None) -> None:
    """Every threshold of the grid, and every count."""
    found = curve(tensor, mask)
    left = magnitudes(tensor).flatten()
    if mask is not None:
        left = left[mask.to_tensor().flatten()]
    assert (found.left, found.nan) == (len(left), int(left.isnan().sum()))
    assert found.zeros == int((left == 0).sum())
    for threshold in found.highest:
        point = found.at_most(float(threshold))
        assert point.count == int((left <= threshold).sum()) == found.count_exactly(float(threshold))
        assert (point.l1, point.l2) == pytest.approx(remaining(left, ~(left <= threshold)), abs=BOUND)
        again = found.of_count(point.count)
        assert again == point
        assert found.at_most(again.threshold) == point
        assert int((left <= found.round_threshold(point.count)).sum()) == point.count
    order = left.nan_to_num(math.inf, math.inf).sort()
    for count in range(1, len(left) + 1):
        point = found.of_count(count)
        numbers = left[left.isfinite()]
        kept = torch.ones_like(numbers, dtype=torch.bool)
        kept[numbers.argsort(stable=True)[:count]] = False
        assert point.count == count
        assert (point.l1, point.l2) == pytest.approx(remaining(numbers, kept), abs=BOUND)
        if count <= len(left) - found.nan:
            exact = float(order.values[count - 1])
            assert exact <= point.threshold <= exact * (1 + 2**-9)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@settings(max_examples=40, deadline=None)
@given(values_of)
def test_that_floats_are_counted_exactly_at_every_threshold(dtype, values):
    check(torch.tensor(values, dtype=torch.float64).to(dtype))


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
def test_that_every_float8_is_counted_exactly(dtype):
    check(torch.arange(256, dtype=torch.uint8).view(dtype))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_that_integers_are_counted_exactly(dtype, data):
    info = torch.iinfo(dtype)
    low, high = max(info.min, -(2**50)), min(info.max, 2**50)
    values = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=50))
    check(torch.tensor(values, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_that_complex_numbers_count_by_their_magnitude(dtype):
    torch.manual_seed(0)
    check(torch.randn(200, dtype=dtype))


@settings(max_examples=40, deadline=None)
@given(values_of, st.randoms(use_true_random=False))
def test_that_what_earlier_rounds_pruned_is_not_counted(values, random):
    kept = np.array([random.random() < 0.6 for _ in values])
    check(torch.tensor(values, dtype=torch.float32), Mask.from_bools(kept))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shared", [0, 3, 7])
def test_that_norms_hold_the_bound_where_one_bin_has_nearly_all(dtype, shared):
    torch.manual_seed(shared)
    check((1 + torch.rand(300, dtype=torch.float64) * 2.0**-9 + shared * 2.0**-9).to(dtype))


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e306])
def test_that_norms_of_the_smallest_and_the_greatest_numbers_stay_in_range(scale):
    torch.manual_seed(0)
    tensor = torch.rand(100, dtype=torch.float64) + 0.1
    whole, scaled = curve(tensor), curve(tensor * scale)
    for count in range(0, 101, 10):
        one, other = whole.of_count(count), scaled.of_count(count)
        assert (other.l1, other.l2) == pytest.approx((one.l1, one.l2), abs=2 * BOUND)


@settings(max_examples=40, deadline=None)
@given(st.lists(values_of, min_size=1, max_size=4))
def test_that_curves_of_parts_add_up(parts):
    tensors = [torch.tensor(part, dtype=torch.float32) for part in parts]
    added, whole = reduce(Curve.__add__, map(curve, tensors)), curve(torch.cat(tensors))
    for name in ("places", "counts", "lowest", "highest"):
        assert np.array_equal(getattr(added, name), getattr(whole, name)), name
    assert added.means == pytest.approx(whole.means, rel=1e-12)
    assert added.nan == whole.nan


@settings(max_examples=30, deadline=None)
@given(values_of, st.floats(0, 4))
def test_that_the_engine_prunes_exactly_the_number_of_a_cut(values, magnitude):
    tensor = torch.tensor(values, dtype=torch.float32)
    elements, found = elements_in(tensor), curve(tensor)
    point = found.at_most(magnitude)
    mask = run_round(L1Unstructured(), Amount(point.count), [elements], [(0.0, 1.0)], 1 << 26)[0].mask
    assert mask.pruned == point.count
    assert Threshold(found.round_threshold(point.count)).mask(elements) == mask or point.threshold is None
    exact = threshold_of(L1Unstructured(), Amount(point.count), elements)
    assert (exact is None) == (point.threshold is None)
    if exact is not None:
        assert exact <= point.threshold <= exact * (1 + 2**-9)


def test_that_nothing_and_everything_are_cuts_too():
    found = curve(torch.tensor([0.0, 0.0, 2.0, math.nan]))
    assert found.at_most(None).count == 0
    assert found.at_most(0.0).count == 2
    assert found.at_most(1.9) == found.of_count(2)
    assert (found.of_count(4).count, found.of_count(4).l1) == (4, 0.0)
    assert math.isnan(found.of_count(4).threshold)
    empty = curve(torch.empty(0))
    assert (empty.left, empty.at_most(1.0).count, empty.at_most(1.0).l2) == (0, 0, 1.0)


def test_that_a_magnitude_inside_a_bin_is_not_said_to_be_exact():
    found = curve(torch.tensor([1.0, 1.0 + 2**-12, 1.0 + 2**-11]))
    assert found.count_exactly(1.0) == 1
    assert found.count_exactly(1.0 + 2**-12) is None
    assert found.count_exactly(1.5) == 3


def test_that_the_work_gives_way_after_each_piece():
    steps = curve_of(elements_in(torch.randn((1 << 21) + 5)))
    assert [one for one in steps] == [None] * 3  # noqa: C416
