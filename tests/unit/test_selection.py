"""Selecting the k smallest is exact, however the numbers are spread and however they are sampled."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import pruner
from pruner import selection
from pruner.brackets import Sampled
from pruner.keys import key_bits, magnitude_keys
from pruner.selection import keep, smallest

SPREADS = {
    "normal": lambda n: torch.randn(n),
    "all equal": lambda n: torch.full((n,), 0.5),
    "all zero": lambda n: torch.zeros(n),
    "nine of ten zero": lambda n: torch.randn(n) * (torch.rand(n) < 0.1),
    "sorted": lambda n: torch.randn(n).sort().values,
    "constant blocks": lambda n: torch.randn(n // 1000 + 1).repeat_interleave(1000)[:n],
    "denormal": lambda n: torch.randn(n) * 1e-42,
    "one outlier": lambda n: torch.cat([torch.randn(n - 1) * 1e-6, torch.tensor([1e38])]),
    "half NaN": lambda n: torch.where(torch.rand(n) < 0.5, torch.nan, torch.randn(n)),
    "infinite": lambda n: torch.where(torch.rand(n) < 0.5, torch.inf, torch.randn(n)),
}


def exact(keys: np.ndarray, k: int) -> tuple[int, int, int]:
    """The cut by sorting."""
    key = int(np.sort(keys)[k - 1])
    return key, k - int((keys < key).sum()), int((keys == key).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("spread", SPREADS)
def test_that_a_large_tensor_is_pruned_exactly_whatever_its_spread(tmp_path, spread, dtype):
    torch.manual_seed(0)
    values = SPREADS[spread](1_500_000).to(dtype)
    save_file({"w": values}, tmp_path / "m.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.safetensors")
    keys = magnitude_keys(values)
    for amount in (1, 0.3, 0.5, 0.95, len(values) - 1, 1.0):
        result = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"w": amount}), device="cpu")["w"]
        key, at_key, equal = exact(keys, result.pruned)
        expected = keys > key
        expected[np.flatnonzero(keys == key)[at_key:]] = True
        assert np.array_equal(result.mask.to_bools(), expected)
        assert result.rounds[-1].ties == equal - at_key
        assert result.zeros_before == int((keys == 0).sum())
        assert result.zeros == int(((keys == 0) | ~expected).sum())


def test_that_later_rounds_of_a_large_tensor_act_on_what_is_left(tmp_path):
    torch.manual_seed(0)
    values = torch.randn(1_300_000)
    save_file({"w": values}, tmp_path / "m.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.safetensors")
    plan = pruner.Plan.match(checkpoint, {"w": 0.5})
    result = None
    for _ in range(3):
        result = pruner.prune(checkpoint, plan, device="cpu", after=result)
    order = values.abs().argsort(stable=True)
    expected = torch.ones(len(values), dtype=torch.bool)
    expected[order[: result["w"].pruned]] = False
    assert result["w"].pruned == 1_300_000 - 162_500
    assert torch.equal(result["w"].mask.to_tensor(), expected)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300), st.data())
@settings(max_examples=400, deadline=None)
def test_that_the_cut_is_that_of_sorting_for_any_sample_chunks_and_threads(numbers, data):
    """A sample that misleads costs a pass, and never changes the outcome."""
    keys = np.array(numbers, dtype=np.uint32)
    k = data.draw(st.integers(1, len(numbers)))
    drawn = data.draw(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=30), max_size=5))
    sample = Sampled(np.array([key for block in drawn for key in block], dtype=np.uint32), tuple(map(len, drawn)))
    chunk = data.draw(st.sampled_from([8, 16, 64, 1000]))
    threads = data.draw(st.sampled_from([1, 2, 3]))

    def pieces():
        return (keys[start : start + chunk].copy for start in range(0, len(keys), chunk))

    few, selection.FEW = selection.FEW, 0
    try:
        room = data.draw(st.sampled_from([0, 20, 4000]))
        cut = smallest(pieces, k, key_bits(torch.float32), len(keys), sample, threads=threads, room=room)
    finally:
        selection.FEW = few
    assert (cut.key, cut.at_key, cut.equal) == exact(keys, k)
    (kept,) = keep(pieces, cut, [len(keys)], threads=threads)
    expected = np.ones(len(keys), dtype=bool)
    expected[np.argsort(keys, kind="stable")[:k]] = False
    assert np.array_equal(np.unpackbits(kept.bits, count=len(keys), bitorder="little").view(bool), expected)
    assert kept.zeros == np.count_nonzero(keys == 0)
