"""A target is the sparsity to arrive at: counted in the saved tensors, zeros that were there among them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruner import Amount, AmountTypeError, AmountValueError, Mask, Plan, open_checkpoint, prune, save
from tests.unit.oracles import FLOAT8, FLOATS, kept_after, magnitudes, outcomes, placed, pruned_by

SEEDS = st.integers(0, 2**16)
RATIOS = st.one_of(st.floats(0, 1), st.integers(0, 20).map(lambda part: part / 20))
RANKINGS = ("l1_unstructured", "random_unstructured", "scores")


def with_zeros(shape: tuple[int, ...], share: float, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Numbers of which about that share is zero, half of them negative zeros."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(1, 9, shape, generator=generator).double() * torch.randn(shape, generator=generator).sign()
    zero = torch.rand(shape, generator=generator) < share
    return torch.where(zero, values.sign() * 0.0, values).to(dtype)


def zeros_in(values: torch.Tensor, mask: Mask) -> int:
    return int(((values.double() == 0) | ~mask.to_tensor()).sum())


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.pt"
    generator = torch.Generator().manual_seed(0)
    torch.save({f"w{size}": torch.rand(size, generator=generator) for size in range(1, 65)}, path)
    return str(path)


@given(st.data(), st.integers(1, 64), SEEDS, st.floats(0, 1), st.lists(RATIOS, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_that_a_target_gives_exactly_so_many_zeros_where_there_were_fewer(scores, data, size, seed, share, targets):
    """Rounds by a ratio and by targets on top of one another, in any order, by any ranking."""
    values = with_zeros((size,), share, seed)
    mask = Mask.ones((size,))
    for target in targets:
        if data.draw(st.booleans()):
            mask = pruned_by("l1_unstructured", data.draw(RATIOS), values, mask)
        method = data.draw(st.sampled_from(RANKINGS))
        options = {"file": scores} if method == "scores" else {}
        before = zeros_in(values, mask)
        after = pruned_by(method, Amount.target(target), values, mask, name=f"w{size}", piece=8, threads=2, **options)
        wanted = round(target * size)
        assert zeros_in(values, after) == max(wanted, before)
        assert after & mask == after
        if wanted <= before:
            assert after == mask
        mask = after


@given(st.lists(st.integers(1, 64), min_size=1, max_size=4), SEEDS, st.floats(0, 1), RATIOS, st.sampled_from(RANKINGS))
@settings(max_examples=150, deadline=None)
def test_that_a_global_target_counts_the_zeros_of_all_tensors(scores, sizes, seed, share, target, method):
    values = [with_zeros((size,), share, seed + place) for place, size in enumerate(sizes)]
    before = [Mask.from_bools(np.random.default_rng(seed).random(size) < 0.8) for size in sizes]
    tensors = [
        placed(one, mask, name=f"w{size}", piece=8) for one, mask, size in zip(values, before, sizes, strict=True)
    ]
    options = {"file": scores} if method == "scores" else {}
    after = [one.mask for one in outcomes(method, Amount.target(target), tensors, **options)]
    fewer = sum(zeros_in(*pair) for pair in zip(values, before, strict=True))
    assert sum(zeros_in(*pair) for pair in zip(values, after, strict=True)) == max(round(target * sum(sizes)), fewer)
    if round(target * sum(sizes)) <= fewer:
        assert after == before


@given(st.integers(1, 64), SEEDS, st.floats(0, 1), RATIOS, st.sampled_from([*FLOATS, *FLOAT8, torch.int8]))
@settings(max_examples=150, deadline=None)
def test_that_a_target_takes_the_smallest_that_are_not_zero(size, seed, share, target, dtype):
    values = with_zeros((size,), share, seed, dtype)
    mask = pruned_by("l1_unstructured", Amount.target(target), values)
    expected = np.ones(size, dtype=bool)
    zeros = zeros_in(values, mask.ones((size,)))
    if (k := round(target * size)) > zeros:  # zeros are the smallest, so these are torch's too
        expected = kept_after(magnitudes(values), expected, k)
    assert np.array_equal(mask.to_bools(), expected)


@given(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)), SEEDS, st.data())
@settings(max_examples=150, deadline=None)
def test_that_a_target_of_channels_counts_those_that_are_pruned(shape, seed, data):
    """Channels of zeros that no round has pruned are no pruned channels."""
    dim = data.draw(st.integers(-3, 2))
    others = tuple(one for one in range(3) if one != dim % 3)
    values, mask = with_zeros(shape, 0.8, seed), Mask.ones(shape)
    for target in data.draw(st.lists(RATIOS, min_size=1, max_size=3)):
        method = data.draw(st.sampled_from(["ln_structured", "random_structured"]))
        before = int((~mask.to_bools().any(others)).sum())
        after = pruned_by(method, Amount.target(target), values, mask, dim=dim)
        gone = ~after.to_bools().any(others)
        assert int(gone.sum()) == max(round(target * shape[dim]), before)
        assert np.array_equal(after.to_bools(), mask.to_bools() & ~np.expand_dims(gone, others))
        mask = after


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("target", [0.1, 0.5, 0.75, 1.0])
def test_that_the_saved_tensors_have_the_sparsity(tmp_path, suffix, scope, target):
    tensors = {"few": with_zeros((31, 17), 0.05, 0), "many": with_zeros((40,), 0.9, 1)}
    source, out = tmp_path / "m.pt", tmp_path / f"out{suffix}"
    torch.save(tensors, source)
    checkpoint = open_checkpoint(source)
    first = prune(checkpoint, Plan.match(checkpoint, {"few": 0.3}), device="cpu")
    plan = Plan.match(checkpoint, {"*": Amount.target(target)}, scope=scope)
    result = prune(checkpoint, plan, device="cpu", after=first)
    save(checkpoint, result, out)
    saved = open_checkpoint(out)
    zeros = {name: int((saved.read(name) == 0).sum()) for name in tensors}
    assert zeros == {name: one.zeros for name, one in result.tensors.items()}
    before = {name: int((value == 0).sum()) for name, value in tensors.items()}
    assert before == {name: one.zeros_before for name, one in result.tensors.items()}
    before["few"] = first["few"].zeros
    if scope == "global":
        assert sum(zeros.values()) == max(round(target * 567), sum(before.values()))
    else:
        assert zeros == {name: max(round(target * value.numel()), before[name]) for name, value in tensors.items()}
    for name, value in tensors.items():
        found = saved.read(name)
        assert torch.equal(found[found != 0], value[found != 0])


def test_that_a_target_never_fails_and_again_changes_nothing(tmp_path):
    torch.save({"w": torch.randn(100)}, tmp_path / "m.pt")
    checkpoint = open_checkpoint(tmp_path / "m.pt")
    done = None
    for target, pruned in ((0.5, 50), (0.5, 50), (0.2, 50), (1.0, 100), (1.0, 100), (0.0, 100)):
        done = prune(checkpoint, Plan.match(checkpoint, {"w": Amount.target(target)}), device="cpu", after=done)
        assert done["w"].pruned == pruned
    assert [one.pruned for one in done["w"].rounds] == [50, 0, 0, 50, 0, 0]
    assert [one.threshold is None for one in done["w"].rounds] == [False, True, True, False, True, True]


@given(RATIOS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_that_a_target_is_what_is_missing_of_the_count_that_torch_takes(target, left, gone):
    numel = left + gone
    assert Amount.target(target).count(left, numel) == max(0, round(target * numel) - gone)
    assert Amount.target(target).count(left, numel) <= left


@given(st.floats(0, 1).filter(lambda value: value == 0 or value > 1e-300))
def test_that_a_target_can_be_typed_again(target):
    again = Amount.parse(str(Amount.target(target)))
    assert again.is_target
    assert math.isclose(again.value, target, rel_tol=1e-15)
    assert not again.is_ratio


@pytest.mark.parametrize(("text", "value"), [("to 80%", 0.8), ("to 0.8", 0.8), ("TO 12,5 %", None), ("to1.0", 1.0)])
def test_that_targets_are_read_as_people_write_them(text, value):
    if value is None:
        with pytest.raises(AmountTypeError):
            Amount.parse(text)
    else:
        assert Amount.parse(text) == Amount.target(value)


@pytest.mark.parametrize("text", ["to", "to 100", "to 1", "to to 80%", "to 101%", "to -1%", "to x", "tower"])
def test_that_texts_that_are_no_target_are_refused(text):
    with pytest.raises((AmountTypeError, AmountValueError)):
        Amount.parse(text)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, 2])
def test_that_a_target_is_a_sparsity(value):
    with pytest.raises(AmountValueError):
        Amount.target(value)
