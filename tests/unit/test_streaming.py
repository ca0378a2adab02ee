"""Checkpoints that are larger than what may be held of them."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import reading, strided
from pruner.spill import MaskFile, release

TENSORS = {"a": 700_001, "b": 640_000, "c": 13, "d": 1_310_720}


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    save_file({name: torch.randn(size).bfloat16() for name, size in TENSORS.items()}, tmp_path / "m.safetensors")
    return pruner.open_checkpoint(tmp_path / "m.safetensors")


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("method", ["l1_unstructured", "random_unstructured"])
def test_that_the_memory_that_may_be_used_does_not_change_the_masks(checkpoint, method, scope, tmp_path):
    plan = pruner.Plan.match(checkpoint, {"*": 0.4}, method=method, scope=scope)
    expected = pruner.prune(checkpoint, plan, "cpu")
    bounded = pruner.prune(checkpoint, plan, "cpu", memory=1 << 16)
    assert {name: bounded[name].mask for name in bounded} == {name: expected[name].mask for name in expected}
    assert [one.zeros for one in bounded.tensors.values()] == [one.zeros for one in expected.tensors.values()]
    for number, result in enumerate((expected, bounded)):
        pruner.save(checkpoint, result, tmp_path / f"{number}.safetensors")
    assert (tmp_path / "0.safetensors").read_bytes() == (tmp_path / "1.safetensors").read_bytes()


def test_that_later_rounds_go_on_from_masks_in_a_file(checkpoint):
    plan = pruner.Plan.match(checkpoint, {"*": 0.5})
    expected = bounded = None
    for _ in range(2):
        expected = pruner.prune(checkpoint, plan, "cpu", after=expected)
        bounded = pruner.prune(checkpoint, plan, "cpu", after=bounded, memory=1 << 16)
    assert {name: bounded[name].mask for name in bounded} == {name: expected[name].mask for name in expected}


def test_that_masks_in_a_file_stay_what_they_are_after_release():
    generator = np.random.default_rng(0)
    masks = [pruner.Mask.from_bools(generator.random(size) < 0.5) for size in (1, 8, 100_000, 40_000, 0)]
    file = MaskFile(sum(len(one.bits) for one in masks), len(masks))
    kept = [file.put(one) for one in masks]
    for one in kept:
        release(one)
    assert kept == masks
    assert [one.kept for one in kept] == [one.kept for one in masks]


def test_that_a_full_disk_for_masks_is_told_and_nothing_is_written(checkpoint, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pruner.spill.reserve", full)
    plan = pruner.Plan.match(checkpoint, {"*": 0.5})
    with pytest.raises(pruner.PrunerError, match=r"no room for masks.*TMPDIR"):
        pruner.prune(checkpoint, plan, "cpu", memory=1 << 16)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_that_scattered_elements_come_in_the_order_of_the_flat_index(tmp_path_factory, shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    steps = data.draw(st.lists(st.sampled_from([1, 2, 9]), min_size=len(shape), max_size=len(shape)))
    laid = [shape[dim] * steps[dim] for dim in order]
    whole = torch.arange(math.prod(laid), dtype=torch.int32).view(laid)
    tensor = whole.permute(*(order.index(dim) for dim in range(len(shape))))
    tensor = tensor[tuple(slice(None, None, step) for step in steps)]
    path = tmp_path_factory.mktemp("m") / "m.pt"
    torch.save({"w": tensor}, path)
    info = pruner.open_checkpoint(path)["w"]
    assert info.shape == tuple(shape)
    elements = data.draw(st.sampled_from([1, 3, 8, 1000]))
    chunks = list(strided.strided_chunks(info, elements))
    assert torch.equal(torch.cat(chunks), tensor.reshape(-1))
    assert {len(chunk) for chunk in chunks[:-1]} <= {elements}


def test_that_a_large_transposed_tensor_is_pruned_as_torch_does_it(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_WHOLE", 1000)
    torch.manual_seed(0)
    weight = torch.randn(300, 500).t()
    torch.save({"w": weight, "view": torch.randn(400, 400)[::2, 3:90]}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.5}), "cpu")
    pruner.save(checkpoint, result, tmp_path / "out.pt")
    saved, original = torch.load(tmp_path / "out.pt"), torch.load(tmp_path / "m.pt")
    for name in ("w", "view"):
        expected = torch_prune.L1Unstructured(0.5).prune(original[name].contiguous())
        assert torch.equal(saved[name], expected)


MEASURE = """
import sys, torch, pruner
def peak():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
def run(path, out):
    checkpoint = pruner.open_checkpoint(path)
    plan = pruner.Plan.match(checkpoint, {"*": 0.5}, scope="global")
    pruner.save(checkpoint, pruner.prune(checkpoint, plan, "cpu", memory=16 << 20), out)
run(sys.argv[1], sys.argv[2])
before = peak()
run(sys.argv[3], sys.argv[4])
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is Linux's")
def test_that_a_file_is_pruned_in_a_fraction_of_the_memory_it_takes(tmp_path):
    """400 MB in 16: of the masks, 12.5 MB, most are in a file."""
    torch.manual_seed(0)
    save_file({"w": torch.randn(3_000_000)}, tmp_path / "small.safetensors")
    save_file({f"w{number}": torch.randn(25_000_000) for number in range(4)}, tmp_path / "large.safetensors")
    paths = [
        str(tmp_path / name) for name in ("small.safetensors", "1.safetensors", "large.safetensors", "2.safetensors")
    ]
    found = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 40
