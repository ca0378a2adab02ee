"""Figures of channels agree with torch, for any shape, dimension, type and mask."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner import Mask
from pruner.channel_figures import MOST, channel_figures
from pruner.elements import elements_in, elements_of
from pruner.steps import finish

DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.int8, torch.int64, torch.uint8, torch.bool, torch.complex64,
)  # fmt: skip


def values_of(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Numbers of which about a third are 0."""
    torch.manual_seed(seed)
    wide = torch.randint(-2, 3, shape) * torch.rand(shape)
    return (torch.randn(shape) if dtype.is_complex else wide * 3).to(dtype)


def require_torchs(found, values: torch.Tensor, kept: torch.Tensor, dim: int) -> None:
    """Compare with torch's own norms and counts of each channel."""
    wide = values.abs().double() if values.dtype.is_complex else values.double()
    rows = wide.movedim(dim, 0).reshape(values.shape[dim], -1)
    left = torch.where(kept, wide, 0.0).movedim(dim, 0).reshape(rows.shape)
    assert found.elements == rows.shape[1]
    assert found.zeros.tolist() == (left == 0).sum(1).tolist()
    assert found.pruned.tolist() == (~kept).movedim(dim, 0).reshape(rows.shape).sum(1).tolist()
    assert found.dead.tolist() == (left == 0).all(1).tolist()
    for name, part in (("before", rows), ("after", left)):
        for n in (1, 2):
            norms = torch.from_numpy(getattr(found, f"l{n}_{name}"))
            torch.testing.assert_close(norms, torch.norm(part, n, dim=1), equal_nan=True, rtol=1e-12, atol=0)


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_that_figures_of_every_dimension_are_torchs(shape, dtype, masked, strided, seed):
    values = values_of(tuple(shape), dtype, seed)
    if strided:
        values = values.permute(*reversed(range(len(shape))))
    kept = torch.rand(values.shape) < 0.6 if masked else torch.ones(values.shape, dtype=torch.bool)
    for dim in range(len(shape)):
        mask = Mask.from_bools(kept.numpy()) if masked else None
        require_torchs(finish(channel_figures(elements_in(values, mask), dim)), values, kept, dim)


@pytest.mark.parametrize("shape", [(3, 70_001), (70_001, 3), (5, 7, 9001), (300_000,), (2, 200_000), (17, 131, 9, 9)])
def test_that_channels_that_pieces_cut_are_whole(shape):
    values = values_of(shape, torch.float32, 1)
    kept = torch.rand(shape) < 0.5
    for dim in range(len(shape)):
        found = finish(channel_figures(elements_in(values, Mask.from_bools(kept.numpy())), dim))
        require_torchs(found, values, kept, dim)


def test_that_a_strided_tensor_of_a_file_has_the_same_figures(tmp_path):
    values = values_of((40, 30), torch.bfloat16, 2).T
    torch.save({"w": values}, tmp_path / "m.pt")
    kept = torch.rand(30, 40) < 0.5
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert not checkpoint["w"].contiguous
    for dim in (0, 1, -1):
        elements = elements_of(checkpoint, "w", Mask.from_bools(kept.numpy()))
        require_torchs(finish(channel_figures(elements, dim)), values, kept, dim)


def test_that_nan_is_no_zero_and_makes_a_norm_nan_until_it_is_pruned():
    values = torch.tensor([[math.nan, 0.0], [math.inf, 1.0], [3.0, 4.0]])
    kept = torch.tensor([[False, True], [True, True], [True, True]])
    before, after = (
        finish(channel_figures(elements_in(values, mask), 0)) for mask in (None, Mask.from_bools(kept.numpy()))
    )
    assert before.zeros.tolist() == [1, 0, 0]
    assert after.zeros.tolist() == [2, 0, 0]
    assert after.dead.tolist() == [True, False, False]
    np.testing.assert_array_equal(after.l2_before, [math.nan, math.inf, 5.0])
    np.testing.assert_array_equal(after.l1_after, [0.0, math.inf, 7.0])


def test_that_groups_are_sums_over_neighbouring_channels():
    values, kept = values_of((12, 5), torch.float32, 3), torch.rand(12, 5) < 0.4
    found = finish(channel_figures(elements_in(values, Mask.from_bools(kept.numpy())), 0)).grouped(4)
    require_torchs(found, values.reshape(3, 20), kept.reshape(3, 20), 0)


@pytest.mark.parametrize(
    ("shape", "dim", "why"),
    [((), 0, "a single number has no channels"), ((3, 4), 2, "none of them is 2"), ((MOST + 1,), 0, "at most")],
)
def test_that_what_has_no_figures_says_why(shape, dim, why):
    elements = elements_in(torch.zeros(()).expand(shape), name="w")
    with pytest.raises(pruner.PrunerError, match=f"w.*{why}"):
        finish(channel_figures(elements, dim))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_that_a_tensor_without_elements_has_figures_of_nothing(shape):
    found = finish(channel_figures(elements_in(torch.zeros(shape)), 0))
    assert found.count == shape[0]
    assert not found.zeros.any()
