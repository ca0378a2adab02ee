"""Each method prunes what torch, or a plain reference, prunes: any shape, dtype, dimension, thread and piece."""

import itertools
import json
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.utils import prune as torch_prune

from pruner import Amount, Mask, Plan, PrunerError, open_checkpoint, prune, randomness
from pruner.methods import make_method, methods, takes_amount
from tests.unit.oracles import (
    FLOAT8,
    FLOATS,
    SIGNED,
    UNSIGNED,
    in_order_of,
    kept_after,
    magnitudes,
    outcomes,
    placed,
    pruned_by,
    values_of,
)

SEEDS = st.integers(0, 2**16)
SIZES = st.sampled_from([1, 2, 3, 5, 8, 9])
SHAPES = st.lists(SIZES, min_size=1, max_size=4).map(tuple)
GRIDS = st.lists(SIZES, min_size=2, max_size=4).map(tuple)
PIECES = st.sampled_from([8, 16, 64, 1 << 20])
THREADS = st.integers(1, 3)
AMOUNTS = st.one_of(st.floats(0, 1), st.integers(0, 20))
DTYPES = st.sampled_from([*FLOATS, *FLOAT8, *SIGNED, *UNSIGNED, torch.complex64, torch.complex128])


def some_mask(shape: tuple[int, ...], seed: int) -> Mask:
    return Mask.from_bools(np.random.default_rng(seed).random(shape) < 0.6)


def fitting(amount: float | int, left: int) -> float | int:
    return min(amount, left) if isinstance(amount, int) else amount


@given(SHAPES, SEEDS, DTYPES, st.lists(AMOUNTS, min_size=1, max_size=3), PIECES, THREADS)
@settings(max_examples=200, deadline=None)
def test_that_l1_prunes_the_smallest_of_what_is_left(shape, seed, dtype, amounts, piece, threads):
    values = values_of(dtype, shape, seed)
    numbers = [min(one, 2**63 - 2) if isinstance(one, int) else one for one in magnitudes(values)]
    mask, expected = None, np.ones(shape, dtype=bool)
    for amount in amounts:
        left = int(expected.sum())
        amount = fitting(amount, left)
        mask = pruned_by("l1_unstructured", amount, values, mask, piece=piece, threads=threads)
        expected = kept_after(numbers, expected, Amount(amount).count(left))
        assert np.array_equal(mask.to_bools(), expected)


@given(GRIDS, SEEDS, st.sampled_from(FLOATS), st.data())
@settings(max_examples=200, deadline=None)
def test_that_ln_structured_prunes_torchs_channels_round_after_round(shape, seed, dtype, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = data.draw(st.sampled_from([1, 2, math.inf, -math.inf, 0, 0.5, 3]))
    piece, threads = data.draw(PIECES), data.draw(THREADS)
    module = torch.nn.Module()
    values = values_of(dtype, shape, seed, special=False)
    module.weight = torch.nn.Parameter(values)
    mask = None
    if data.draw(st.booleans()):  # holes in the channels
        mask = pruned_by("random_unstructured", 0.4, values, seed=seed)
        torch_prune.custom_from_mask(module, "weight", mask.to_tensor())
    for amount in data.draw(st.lists(AMOUNTS, min_size=1, max_size=3)):
        others = [one for one in range(len(shape)) if one != dim % len(shape)]
        weight = module.weight.detach().double()
        left = torch.ones(shape, dtype=bool) if mask is None else mask.to_tensor()
        left = left.sum(others) > 0
        amount = fitting(amount, int(left.sum()))
        norms = torch.norm(weight, p=n, dim=others)[left].sort().values
        k = Amount(amount).count(len(norms))
        torch_prune.ln_structured(module, "weight", amount, n, dim)
        expected = module.weight_mask.bool()
        mask = pruned_by("ln_structured", amount, values, mask, piece=piece, threads=threads, n=n, dim=dim)
        found = mask.to_tensor()
        assert int((found.sum(others) > 0).sum()) == int((expected.sum(others) > 0).sum()) == len(norms) - k
        apart = 0 < k < len(norms) and norms[k] - norms[k - 1] > 64 * torch.finfo(dtype).eps * norms[k]
        if apart or k in (0, len(norms)):
            assert torch.equal(found, expected)
        else:  # torch takes any of those with equal norms; go on from its choice
            mask = Mask.from_bools(expected.numpy())


@pytest.mark.parametrize("n", [1, 2, 0.5])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("threads", [1, 2])
def test_that_equal_channels_are_pruned_in_order_wherever_pieces_end(n, dim, threads):
    """Sums of the same numbers in another grouping differ in the last bits, and would break ties at random."""
    channel = torch.randn(4607, generator=torch.Generator().manual_seed(0))
    values = channel.expand(100, -1).contiguous() if dim == 0 else channel[:, None].expand(-1, 100).contiguous()
    for piece in (1 << 14, 1 << 26):
        mask = pruned_by("ln_structured", 30, values, dim=dim, n=n, piece=piece, threads=threads).to_bools()
        assert not mask.take(range(30), dim).any()
        assert mask.take(range(30, 100), dim).all()


def test_that_more_channels_than_are_looked_at_together_are_pruned_exactly():
    values = torch.randn(150_000, 2, generator=torch.Generator().manual_seed(0))
    mask = pruned_by("ln_structured", 0.3, values)
    order = values.double().norm(dim=1).argsort(stable=True)
    expected = torch.ones(150_000, dtype=torch.bool)
    expected[order[:45_000]] = False
    assert torch.equal(mask.to_tensor(), expected[:, None].expand(-1, 2))


@pytest.mark.parametrize("n", [1, 2, 3, math.inf, -math.inf, -1])
def test_that_channels_with_nan_are_pruned_last_and_what_overflows_is_infinite(n):
    values = torch.tensor([[math.nan, 1.0], [1e300, 1e300], [0.0, 1e-300], [math.inf, math.inf]], dtype=torch.float64)
    norms = torch.norm(values, p=n, dim=1)
    order = [int(one) for one in torch.sort(norms, stable=True).indices]
    for k in range(5):
        gone = [i for i, kept in enumerate(pruned_by("ln_structured", k, values, n=n).to_bools()[:, 0]) if not kept]
        assert gone == sorted(order[:k])


@given(SEEDS, DTYPES, st.data())
@settings(max_examples=250, deadline=None)
def test_that_n_of_m_keeps_the_largest_of_each_group_along_any_dimension(seed, dtype, data):
    m = data.draw(st.one_of(st.integers(1, 8), st.integers(9, 40)))
    n = data.draw(st.integers(0, m))
    others = data.draw(st.lists(st.sampled_from([1, 2, 3, 5]), max_size=3))
    place = data.draw(st.integers(0, len(others)))
    shape = (*others[:place], m * data.draw(st.integers(1, 3)), *others[place:])
    dim = data.draw(st.sampled_from([place, place - len(shape)]))
    before = data.draw(st.sampled_from([None, some_mask(shape, seed)]))
    values = values_of(dtype, shape, seed)
    if data.draw(st.booleans()):  # many equal ones
        values = values_of(torch.int8, shape, seed).sign().to(dtype)
    given_options = {"n": n, "m": m, "dim": dim, "piece": data.draw(PIECES), "threads": data.draw(THREADS)}
    mask = pruned_by("n_m", 0, values, before, **given_options).to_bools()
    kept = np.ones(shape, dtype=bool) if before is None else before.to_bools()
    flat = [min(one, 2**63 - 2) if isinstance(one, int) else one for one in magnitudes(values)]
    numbers = np.array(flat, dtype=object).reshape(shape)
    expected = kept.copy()
    outer = [range(size) for axis, size in enumerate(shape) if axis != place]
    for index in itertools.product(*outer):
        line = (*index[:place], slice(None), *index[place:])
        for start in range(0, shape[place], m):
            group = [
                one if there else -1
                for one, there in zip(numbers[line][start : start + m], kept[line][start : start + m], strict=True)
            ]
            for loser in in_order_of(group)[: m - n]:
                expected[line][start + loser] = False
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0), (4, 0, 2)])
@pytest.mark.parametrize("dim", [0, -1])
def test_that_a_tensor_without_elements_is_left_as_it_is(shape, dim):
    options = {"n_m": {"dim": dim}, "threshold": {"value": 1.0}}
    for name in ("l1_unstructured", "n_m", "threshold", "random_unstructured"):
        assert pruned_by(name, 0.5, torch.empty(shape), **options.get(name, {})).numel == 0
    for name in ("ln_structured", "random_structured"):
        if len(shape) > 1:
            assert pruned_by(name, 0.5, torch.empty(shape), dim=dim).numel == 0


@given(SHAPES, SEEDS, DTYPES, st.data())
@settings(max_examples=200, deadline=None)
def test_that_a_threshold_prunes_every_magnitude_up_to_it_and_no_other(shape, seed, dtype, data):
    values = values_of(dtype, shape, seed)
    numbers = magnitudes(values)
    finite = sorted(float(one) for one in numbers if math.isfinite(one))
    near = data.draw(st.sampled_from([0.0, 5e-324, 0.3, 1e30, float(2**53), *finite]))
    value = data.draw(st.sampled_from([near, math.nextafter(near, 0), math.nextafter(near, math.inf)]))
    assume(math.isfinite(value))
    before = data.draw(st.sampled_from([None, some_mask(shape, seed)]))
    mask = pruned_by("threshold", 0, values, before, value=value, piece=data.draw(PIECES), threads=data.draw(THREADS))
    clamped = [min(one, 2**63 - 2) if isinstance(one, int) else one for one in numbers]
    stays = np.array([not one <= value for one in clamped]).reshape(shape)  # Python compares int and float exactly
    assert np.array_equal(mask.to_bools(), stays if before is None else stays & before.to_bools())


def test_that_a_threshold_tells_integers_apart_that_float64_does_not():
    values = torch.tensor([2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1])
    assert pruned_by("threshold", 0, values, value=float(2**53)).to_bools().tolist() == [False, False, True, True]


def written(tensors, path):
    if path.suffix == ".npz":
        np.savez(path, **{name: one.numpy() for name, one in tensors.items()})
    elif path.suffix == ".npy":
        np.save(path, tensors["w"].numpy())
    elif path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return str(path)


FILES = pytest.mark.parametrize("file", ["f.pt", "f.safetensors", "f.npz", "f.npy"])


@FILES
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32, torch.float64, torch.int64])
def test_that_a_mask_of_a_file_prunes_where_it_is_0(tmp_path, file, dtype):
    given_mask, before = some_mask((5, 7), 1), some_mask((5, 7), 2)
    path = written({"w": given_mask.to_tensor().to(dtype)}, tmp_path / file)
    mask = pruned_by("custom_from_mask", 0, torch.ones(5, 7), before, file=path, threads=2)
    assert mask == given_mask & before


def test_that_a_mask_comes_by_the_name_that_torch_gives_it(tmp_path):
    module = torch_prune.random_unstructured(torch.nn.Linear(6, 5), "weight", 0.5)
    torch.save(module.state_dict(), tmp_path / "masked.pt")
    mask = pruned_by("custom_from_mask", 0, torch.ones(5, 6), name="weight", file=str(tmp_path / "masked.pt"))
    assert torch.equal(mask.to_tensor(), module.weight_mask.bool())


@pytest.mark.parametrize("dtype", [*FLOATS, *FLOAT8, torch.complex64, torch.uint16])
def test_that_masks_of_every_dtype_are_read(tmp_path, dtype):
    flags = some_mask((4, 9), 0)
    torch.save({"w": flags.to_tensor().to(torch.float32).to(dtype)}, tmp_path / "m.pt")
    assert pruned_by("custom_from_mask", 0, torch.ones(4, 9), file=str(tmp_path / "m.pt")) == flags


@pytest.mark.parametrize("number", [2.0, 0.5, -1.0, math.nan, math.inf])
def test_that_a_mask_of_other_numbers_is_refused_with_file_and_tensor(tmp_path, number):
    flags = torch.ones(3, 4)
    flags[2, 3] = number
    path = written({"w": flags}, tmp_path / "m.pt")
    with pytest.raises(PrunerError, match=r"m\.pt.*“w”.*other numbers"):
        pruned_by("custom_from_mask", 0, torch.ones(3, 4), file=path)


@FILES
def test_that_scores_of_a_file_rank_by_their_magnitude(tmp_path, file):
    scores = torch.randn(40, 25, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    scores[3, 4] = math.nan
    values, before = torch.ones(40, 25), some_mask((40, 25), 3)
    mask = pruned_by("scores", 0.4, values, before, file=written({"w": scores}, tmp_path / file), threads=3)
    expected = kept_after(magnitudes(scores), before.to_bools(), round(0.4 * before.kept))
    assert np.array_equal(mask.to_bools(), expected)


@pytest.mark.parametrize("method", ["scores", "custom_from_mask"])
def test_that_a_file_that_does_not_fit_is_refused_with_its_name_and_the_tensors(tmp_path, method):
    def attempt(path):
        pruned_by(method, 0.5, torch.ones(3, 4), file=str(path))

    with pytest.raises(PrunerError, match=r"shape\.pt.*“w” has shape \[4, 3\].*\[3, 4\]"):
        attempt(written({"w": torch.ones(4, 3)}, tmp_path / "shape.pt"))
    with pytest.raises(PrunerError, match=r"name\.pt.*“w”"):
        attempt(written({"v": torch.ones(3, 4)}, tmp_path / "name.pt"))
    with pytest.raises(PrunerError, match=r"absent\.pt"):
        attempt(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(PrunerError, match=r"text\.pt"):
        attempt(tmp_path / "text.pt")


def test_that_scores_written_anew_are_read_anew_also_in_shards(tmp_path):
    values = torch.ones(2, 8)
    index = tmp_path / "model.safetensors.index.json"
    shard = "model-00001-of-00001.safetensors"
    index.write_text(json.dumps({"metadata": {}, "weight_map": {"w": shard, "other": shard}}))
    for scores in (torch.arange(16.0).view(2, 8), torch.arange(16.0).flip(0).view(2, 8)):
        other = torch.zeros(int(scores[0, 0]))  # so that the size differs too, where the clock is coarse
        save_file({"w": scores, "other": other}, tmp_path / shard)
        mask = pruned_by("scores", 8, values, file=str(index))
        assert np.array_equal(mask.to_bools(), kept_after(magnitudes(scores), np.ones((2, 8), bool), 8))


@given(SHAPES, SEEDS, st.lists(AMOUNTS, min_size=1, max_size=4), THREADS)
@settings(max_examples=100, deadline=None)
def test_that_random_rounds_prune_exact_counts_of_what_is_left(shape, seed, amounts, threads):
    mask, left = None, math.prod(shape)
    for amount in amounts:
        amount = fitting(amount, left)
        after = pruned_by("random_unstructured", amount, torch.ones(shape), mask, seed=seed, threads=threads)
        left -= Amount(amount).count(left)
        assert after.kept == left
        assert mask is None or after & mask == after
        mask = after


@given(GRIDS, SEEDS, st.lists(AMOUNTS, min_size=1, max_size=3), st.data())
@settings(max_examples=100, deadline=None)
def test_that_random_channels_are_whole_and_as_many_as_torch_counts(shape, seed, amounts, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    others = tuple(one for one in range(len(shape)) if one != dim % len(shape))
    mask = data.draw(st.sampled_from([Mask.ones(shape), some_mask(shape, seed)]))
    for amount in amounts:
        before = mask.to_bools()
        left = before.any(others)
        amount = fitting(amount, int(left.sum()))
        mask = pruned_by("random_structured", amount, torch.ones(shape), mask, seed=seed, dim=dim)
        stays = mask.to_bools().any(others)
        assert int(stays.sum()) == int(left.sum()) - Amount(amount).count(int(left.sum()))
        assert np.array_equal(mask.to_bools(), before & np.expand_dims(stays, others))


@pytest.mark.parametrize("method", ["random_unstructured", "random_structured"])
def test_that_every_unit_and_every_pair_is_pruned_as_often_as_any_other(method):
    units, gone, trials = 24, 6, 1500
    alone, pairs = Counter(), Counter()
    for seed in range(trials):
        mask = pruned_by(method, gone, torch.ones(units, 2 if method.endswith("_structured") else 1), seed=seed)
        pruned = np.flatnonzero(~mask.to_bools()[:, 0]).tolist()
        alone.update(pruned)
        pairs.update(itertools.combinations(pruned, 2))
    for counts, cells, total in ((alone, units, gone), (pairs, units * (units - 1) // 2, gone * (gone - 1) // 2)):
        expected = trials * total / cells
        chi_square = sum((counts[cell] - expected) ** 2 / expected for cell in counts)
        chi_square += (cells - len(counts)) * expected
        assert abs(chi_square - cells) < 6 * math.sqrt(2 * cells)


def test_that_random_masks_depend_on_seed_and_name_alone(monkeypatch):
    values = torch.ones(1000, 300)
    mask = pruned_by("random_unstructured", 0.3, values, seed=1)
    assert pruned_by("random_unstructured", 0.3, values + 1, seed=1, piece=8, threads=3) == mask
    assert pruned_by("random_unstructured", 0.3, values, seed=2) != mask
    assert pruned_by("random_unstructured", 0.3, values, seed=1, name="v") != mask
    assert pruned_by("random_unstructured", 0.3, values, seed=2**70).kept == mask.kept
    several = [placed(values, name="v"), placed(values)]
    assert [one.mask for one in outcomes("random_unstructured", 1.0, several, seed=1)][1].kept == 0
    monkeypatch.setattr(randomness, "PIECE", 1 << 12)
    assert pruned_by("random_unstructured", 0.3, values, seed=1, threads=2) == mask


@pytest.mark.parametrize(("method", "units"), [("random_unstructured", 300_000), ("random_structured", 1000)])
def test_that_a_later_round_of_a_seed_goes_on_where_the_last_one_ended(method, units):
    values = torch.ones(1000, 300)
    once = pruned_by(method, units // 2, values, seed=5)
    twice = pruned_by(method, units // 4, values, pruned_by(method, units // 4, values, seed=5), seed=5)
    assert once == twice


@pytest.mark.parametrize("name", [name for name, one in methods().items() if takes_amount(one)])
def test_that_more_units_than_are_left_are_refused_as_torch_does(tmp_path, name):
    options = {"file": written({"w": torch.ones(3, 4)}, tmp_path / "s.pt")} if name == "scores" else {}
    values = torch.ones(3, 4)
    most = 3 if "structured" in name and "unstructured" not in name else 12
    assert pruned_by(name, most, values, **options).kept == 0
    with pytest.raises(ValueError, match=f"{most + 1} .*{most}"):
        pruned_by(name, most + 1, values, **options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.complex64])
def test_that_methods_give_the_same_masks_from_a_file_as_from_memory(tmp_path, dtype):
    values = values_of(dtype, (64, 36), 0, special=False)
    torch.save({"w": values}, tmp_path / "m.pt")
    checkpoint = open_checkpoint(tmp_path / "m.pt")
    for method, options in (
        ("l1_unstructured", {}),
        ("ln_structured", {"n": 1.0, "dim": 1}),
        ("n_m", {"n": 1, "m": 4}),
        ("random_unstructured", {"seed": 3}),
        ("random_structured", {"seed": 3}),
        ("threshold", {"value": 0.5}),
    ):
        plan = Plan.match(checkpoint, {"w": 0.25}, method=make_method(method, options))
        assert prune(checkpoint, plan, device="cpu")["w"].mask == pruned_by(method, 0.25, values, **options)
