"""Other devices give the masks that the CPU gives, also where their memory is short."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner.elements
import pruner.methods.ln_structured
import pruner.methods.n_m
import pruner.rounds
from pruner import Amount, Mask, Plan, open_checkpoint, prune, selection, smallest, transfers
from pruner.brackets import Bracket
from pruner.keys import magnitude_keys
from pruner.methods import make_method
from pruner.selection import Cut, keep
from tests.unit.oracles import FLOAT8, FLOATS, SIGNED, outcomes, placed, values_of

DTYPES = (*FLOATS, *FLOAT8, *SIGNED, torch.complex64)
ELSEWHERE = torch.device("mps")  # its transfers are replaced
METHODS = (
    ("l1_unstructured", {}),
    ("ln_structured", {"n": 2.0, "dim": 1}),
    ("ln_structured", {"n": math.inf, "dim": 0}),
    ("n_m", {"n": 2, "m": 4, "dim": 1}),
    ("threshold", {"value": 0.5}),
    ("random_unstructured", {"seed": 1}),
    ("random_structured", {"seed": 1}),
)
gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def on_another_device(values: torch.Tensor) -> torch.Tensor:
    """The keys as the path of other devices has them: a tensor of signed integers."""
    keys = magnitude_keys(values)
    return torch.from_numpy(keys.view(f"i{keys.itemsize}"))


@pytest.fixture(scope="module")
def tensor_keys():
    """Keys are tensors, not arrays, while `with tensor_keys():`, and no number of them is few."""

    class Patched(pytest.MonkeyPatch):
        def __enter__(self):
            for module in (pruner.elements, pruner.rounds, pruner.methods.n_m, pruner.methods.ln_structured):
                self.setattr(module, "magnitude_keys", on_another_device)
            for module in (selection, smallest):
                self.setattr(module, "FEW", 0)
            return self

        def __exit__(self, *_):
            self.undo()

    return Patched


@given(
    st.integers(1, 400),
    st.integers(0, 2**16),
    st.sampled_from(DTYPES),
    st.data(),
)
@settings(max_examples=120, deadline=None)
def test_that_keys_as_tensors_give_the_masks_of_arrays(tensor_keys, size, seed, dtype, data):
    """With a sample, which brackets the cut, and without one, where histograms find it."""
    values = values_of(dtype, (size,), seed)
    sampled = data.draw(st.booleans())
    mask = None
    for ratio in data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=4)):
        elements = placed(values, mask, piece=data.draw(st.sampled_from([8, 64, 1 << 20])))
        expected = outcomes("l1_unstructured", ratio, [elements])[0]
        if not sampled:
            elements = replace(elements, sample=lambda count: None)
        with tensor_keys():
            found = outcomes("l1_unstructured", ratio, [elements])[0]
        assert found.mask == expected.mask
        assert (str(found.threshold), found.ties) == (str(expected.threshold), expected.ties)
        mask = found.mask


@pytest.mark.parametrize(("method", "options"), METHODS[:5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2, torch.int8])
def test_that_methods_do_not_mind_what_their_keys_are(tensor_keys, method, options, dtype):
    mask = Mask.from_bools(np.random.default_rng(0).random((20, 36)) < 0.7)
    elements = placed(values_of(dtype, (20, 36), 0), mask, piece=64)
    expected = outcomes(method, 0.3, [elements], **options)[0]
    with tensor_keys():
        assert outcomes(method, 0.3, [elements], **options)[0].mask == expected.mask


def test_that_targets_and_bounds_do_not_mind_either(tensor_keys):
    tensors = [placed(values_of(torch.float16, (200,), seed), piece=16) for seed in range(3)]
    for amount, bounds in ((Amount.target(0.6), None), (0.4, [(0.5, 1.0), (0.0, 0.1), (0.2, 0.9)])):
        expected = [one.mask for one in outcomes("l1_unstructured", amount, tensors, bounds)]
        with tensor_keys():
            assert [one.mask for one in outcomes("l1_unstructured", amount, tensors, bounds)] == expected


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 12), st.integers(0, 12), st.data())
@settings(max_examples=200, deadline=None)
def test_that_counting_and_packing_agree_for_arrays_and_tensors(numbers, low, high, data):
    keys = np.array(numbers, dtype=np.uint32)
    signed = torch.tensor(numbers, dtype=torch.int32)
    low, high = sorted((low, high))
    bracket = Bracket(low, high, data.draw(st.booleans()), data.draw(st.booleans()))
    ours, theirs = selection._count(keys.copy(), bracket), selection._count(signed, bracket)
    assert (ours.below, ours.low, ours.high) == (theirs.below, theirs.low, theirs.high)
    first, last = low + bracket.low_tied, high - bracket.high_tied
    assert sorted(ours.inside) == sorted(theirs.inside) == sorted(one for one in numbers if first <= one <= last)
    counts = [selection._histogram(lambda one=one: iter([one]), 1, 2, 0, 2, 1) for one in (keys.copy, signed.clone)]
    assert counts[0].tolist() == counts[1].tolist() == [numbers.count(4 + digit) for digit in range(4)]
    cut = Cut(low, data.draw(st.integers(0, numbers.count(low))), numbers.count(low))
    kept = [next(keep(lambda one=one: iter([one]), cut, [len(numbers)])) for one in (keys.copy, signed.clone)]
    assert np.array_equal(kept[0].bits, kept[1].bits)
    assert len({(one.at_key, one.equal, one.zeros) for one in kept}) == 1


def small_device(monkeypatch, most: int) -> list[int]:
    """A device whose memory holds no piece of more than `most` elements; what it was sent is in the list."""
    sent: list[int] = []

    class Sender:
        def __init__(self, device: torch.device) -> None:
            assert device == ELSEWHERE

        def __call__(self, values: torch.Tensor) -> Callable[[], torch.Tensor]:
            sent.append(len(values))
            if len(values) > most:
                raise torch.OutOfMemoryError
            return partial(torch.clone, values)

    monkeypatch.setattr(transfers, "_Sender", Sender)
    monkeypatch.setattr(transfers, "_has", lambda device, dtype: dtype != torch.float64)
    return sent


SIZE = 2_500_000


@pytest.mark.parametrize(
    ("most", "pieces", "fits"),
    [
        (SIZE, [SIZE], True),
        (1 << 20, [SIZE, SIZE, 1 << 20], True),
        (1000, [SIZE, SIZE, 1 << 20], False),
        (0, [SIZE], False),
    ],
)
def test_that_a_device_whose_memory_is_short_gets_smaller_pieces_and_in_the_end_the_cpu_works(
    monkeypatch, most, pieces, fits
):
    sent = small_device(monkeypatch, most)
    values = torch.randn(SIZE, generator=torch.Generator().manual_seed(0)).bfloat16()
    before = Mask.from_bools(np.random.default_rng(0).random(SIZE) < 0.9)
    tensors = [placed(values, before, name="layer.weight")]

    def work(given_tensors):
        return outcomes("l1_unstructured", 0.5, given_tensors)

    found, remarks = transfers.on_device(work, tensors, ELSEWHERE)
    assert sent[: len(pieces)] == pieces
    assert found[0].mask == work(tensors)[0].mask
    if fits:
        assert not remarks
    else:
        assert len(remarks) == 1
        assert "“layer.weight”" in remarks[0]
        assert "mps" in remarks[0]
        assert "CPU" in remarks[0]


def test_that_several_tensors_that_do_not_fit_are_told_as_one(monkeypatch):
    small_device(monkeypatch, 0)
    tensors = [placed(torch.randn(9), name=name) for name in "abc"]
    _, remarks = transfers.on_device(lambda given: outcomes("l1_unstructured", 5, given), tensors, ELSEWHERE)
    assert remarks == ["3 tensors did not fit into the memory of mps; the CPU pruned instead."]


def test_that_types_that_the_device_does_not_have_are_pruned_on_the_cpu(monkeypatch):
    sent = small_device(monkeypatch, SIZE)
    tensors = [placed(torch.randn(9), name="a"), placed(torch.randn(9).double(), name="b")]
    found, remarks = transfers.on_device(lambda given: outcomes("l1_unstructured", 5, given), tensors, ELSEWHERE)
    assert sum(one.mask.pruned for one in found) == 5
    assert remarks == ["2 tensors: mps has no float64; the CPU pruned instead."]
    assert not sent


def test_that_a_lack_of_memory_is_known_by_its_words_where_it_has_no_type(monkeypatch):
    small_device(monkeypatch, SIZE)

    def work(given_tensors):
        if given_tensors[0].piece < 1 << 20:
            return outcomes("l1_unstructured", 5, given_tensors)
        raise RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)")

    _, remarks = transfers.on_device(work, [placed(torch.randn(9), name="w", piece=8)], ELSEWHERE)
    assert remarks == ["“w” did not fit into the memory of mps; the CPU pruned instead."]


def test_that_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch):
    sent = small_device(monkeypatch, SIZE)

    def work(given_tensors):
        outcomes("l1_unstructured", 5, given_tensors)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        transfers.on_device(work, [placed(torch.ones(9))], ELSEWHERE)
    assert set(sent) == {9}


def test_that_pieces_travel_in_order_and_one_ahead(monkeypatch):
    sent = small_device(monkeypatch, SIZE)
    values = torch.arange(20.0)
    moved = transfers.moved(placed(values, piece=64, threads=3), ELSEWHERE, 8)
    ahead, parts = [], []
    for _, load in moved.pieces():
        ahead.append(len(sent))
        parts.append(load())
    assert torch.equal(torch.cat(parts), values)
    assert (ahead, sent, moved.threads) == ([2, 3, 3], [8, 8, 4], 1)


@pytest.mark.parametrize("scope", [pytest.param("local", marks=gpu), pytest.param("global", marks=gpu)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_that_cuda_prunes_what_the_cpu_prunes_by_every_method_in_every_scope(tmp_path, dtype, scope):
    tensors = {name: values_of(dtype, (600, 700), seed) for seed, name in enumerate("ab")}
    torch.save(tensors, tmp_path / "m.pt")
    torch.save({name: torch.rand(600, 700) for name in "ab"}, tmp_path / "scores.pt")
    torch.save({name: torch.rand(600, 700) < 0.5 for name in "ab"}, tmp_path / "custom_from_mask.pt")
    checkpoint = open_checkpoint(tmp_path / "m.pt")
    files = [
        ("scores", {"file": str(tmp_path / "scores.pt")}),
        ("custom_from_mask", {"file": str(tmp_path / "custom_from_mask.pt")}),
    ]
    for name, options in (*METHODS, *files):
        method = make_method(name, options)
        if scope not in getattr(method, "scopes", ("local",)):
            continue
        results = {"cpu": None, "cuda": None}
        for amount in (0.5, Amount.target(0.8), 0.25):
            plan = Plan.match(checkpoint, {"a": amount, "b": amount}, method=method, scope=scope)
            results = {device: prune(checkpoint, plan, device, after=after) for device, after in results.items()}
            assert results["cuda"].device == "cuda:0"
            for tensor in "ab":
                assert results["cuda"][tensor].mask == results["cpu"][tensor].mask, name
                assert results["cuda"][tensor].zeros == results["cpu"][tensor].zeros, name


@pytest.mark.parametrize("dtype", [pytest.param(one, marks=gpu) for one in DTYPES])
def test_that_tensors_on_cuda_are_pruned_as_those_in_memory(dtype):
    values = values_of(dtype, (500, 700), 0)
    for method, options in METHODS:
        here, there = (outcomes(method, 0.4, [placed(one)], **options)[0].mask for one in (values, values.cuda()))
        assert here == there, method
