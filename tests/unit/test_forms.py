"""Masks alone and the reversible form, in every container: what plain torch loads, and what opens here again."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Plan, PrunerError
from pruner.cli import main
from tests.unit.containers import CONTAINERS, net
from tests.unit.test_open import sharded

SUFFIXES = [".pt", ".safetensors"]
KINDS = [(".pt", False), (".pt", True), (".safetensors", False)]
WEIGHTS = ("features.0.weight", "head.weight")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.save({"model": net().state_dict(), "epoch": 3}, tmp_path / "net.pt")
    return tmp_path / "net.pt"


def rounds(checkpoint: pruner.Checkpoint) -> pruner.Pruning:
    """Two rounds of different kinds on two tensors."""
    names = [name for name in checkpoint.tensors if name.endswith(WEIGHTS)]
    first = pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(names, 0.4)), device="cpu")
    last = Plan.match(checkpoint, {names[-1]: 2}, method="ln_structured", options={"n": 1, "dim": 0})
    return pruner.prune(checkpoint, last, device="cpu", after=first)


def loaded(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path) if path.suffix == ".safetensors" else dict(torch.load(path, weights_only=True))


@pytest.mark.parametrize(("suffix", "compress"), KINDS)
def test_that_masks_alone_are_torchs_masks_and_make_the_same_again(source, tmp_path, suffix, compress):
    checkpoint = pruner.open_checkpoint(source)
    plan = Plan.match(checkpoint, dict.fromkeys(WEIGHTS, 0.4))
    result = pruner.prune(checkpoint, plan, device="cpu")
    saved = pruner.save(checkpoint, result, tmp_path / f"masks{suffix}", "masks", compress=compress)
    by_torch = net()
    for name in WEIGHTS:
        module, _, own = name.rpartition(".")
        torch_prune.l1_unstructured(by_torch.get_submodule(module), own, 0.4)
    masks = loaded(saved.path)
    assert list(masks) == [f"{name}_mask" for name in WEIGHTS]
    again = net()
    for name, mask in masks.items():
        assert mask.dtype == torch.bool
        assert torch.equal(mask, by_torch.state_dict()[name].bool())
        module, _, own = name.removesuffix("_mask").rpartition(".")
        torch_prune.custom_from_mask(again.get_submodule(module), own, mask)
    assert torch.equal(again.head.weight, by_torch.head.weight)
    method = {"method": "custom_from_mask", "options": {"file": str(saved.path)}}
    given = pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(WEIGHTS, 1.0), **method), device="cpu")
    assert all(given[name].mask == result[name].mask for name in WEIGHTS)


def test_that_masks_of_nothing_are_refused(source, tmp_path):
    checkpoint = pruner.open_checkpoint(source)
    with pytest.raises(PrunerError, match="nothing is pruned"):
        pruner.save(checkpoint, pruner.Pruning(), tmp_path / "masks.pt", "masks")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:TypedStorage:UserWarning")
@pytest.mark.parametrize("kind", ["torch_zip", "torch_zip of a module", "torch_script", "torch_package"])
def test_that_a_reversible_copy_of_an_archive_loads_as_its_source_and_opens_pruned(tmp_path, kind):
    container = CONTAINERS[kind]
    path, out = tmp_path / f"net{container.suffix}", tmp_path / f"out{container.suffix}"
    container.make(net(), path)
    checkpoint = pruner.open_checkpoint(path)
    result = rounds(checkpoint)
    saved = pruner.save(checkpoint, result, out, "reversible")
    assert saved.format == checkpoint.format
    before, after = container.load(path), container.load(out)
    assert list(before) == list(after)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    again = pruner.open_checkpoint(out)
    assert list(again.tensors) == list(checkpoint.tensors)
    assert again.others == checkpoint.others
    assert pruner.stored_pruning(again).tensors == dict(result.tensors)


@pytest.mark.parametrize(("suffix", "compress"), KINDS)
@pytest.mark.parametrize("sharding", [None, 500])
def test_that_the_reversible_form_opens_with_its_rounds(source, tmp_path, suffix, compress, sharding):
    checkpoint = pruner.open_checkpoint(source)
    result = rounds(checkpoint)
    out = tmp_path / f"out{suffix}"
    pruner.save(checkpoint, result, out, "reversible", compress=compress, shard_bytes=sharding)
    again = pruner.open_checkpoint(out)
    assert list(again.tensors) == list(checkpoint.tensors)
    for name in checkpoint.tensors:
        assert torch.equal(again.read(name), checkpoint.read(name))
    assert pruner.stored_pruning(again).tensors == dict(result.tensors)
    assert pruner.stored_pruning(again, memory=0).tensors == dict(result.tensors), "in a temporary file"


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_that_other_forms_of_a_reversible_file_hold_no_marks_any_more(tmp_path, suffix, target):
    state = net().state_dict()
    save_file(dict(state), tmp_path / "net.safetensors", {"made by": "someone"})
    checkpoint = pruner.open_checkpoint(tmp_path / "net.safetensors")
    result = rounds(checkpoint)
    middle = pruner.save(checkpoint, result, tmp_path / f"middle{suffix}", "reversible").path
    again = pruner.open_checkpoint(middle)
    out = pruner.save(again, pruner.stored_pruning(again), tmp_path / f"out{target}").path
    values = loaded(out)
    assert set(values) == set(state)
    for name, value in state.items():
        assert torch.equal(values[name], value * result[name].mask.to_tensor() if name in result else value)
    assert not pruner.open_checkpoint(out).marks
    if suffix == target == ".safetensors":
        with safe_open(out, "pt") as file:
            assert file.metadata()["made by"] == "someone"


def test_that_a_reversible_file_is_little_larger_than_the_dense_one(tmp_path):
    torch.save({"w": torch.randn(1000, 1000)}, tmp_path / "w.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "w.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"w": 0.5}), device="cpu")
    for suffix in SUFFIXES:
        saved = pruner.save(checkpoint, result, tmp_path / f"out{suffix}", "reversible")
        assert saved.nbytes <= 1.035 * 4_000_000


def test_that_the_metadata_tell_what_was_done_and_keep_what_the_source_told(tmp_path):
    save_file({"w": torch.randn(100)}, tmp_path / "w.safetensors", {"format": "pt", "author": "é"})
    checkpoint = pruner.open_checkpoint(tmp_path / "w.safetensors")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"w": 0.3}), device="cpu")
    for form in ("masked", "reversible"):
        out = pruner.save(checkpoint, result, tmp_path / f"{form}.safetensors", form).path
        with safe_open(out, "pt") as file:
            metadata = file.metadata()
        assert (metadata["format"], metadata["author"]) == ("pt", "é")
        told = json.loads(metadata["secateur"])
        assert (told["version"], told["form"]) == (pruner.__version__, form)
        assert told["tensors"]["w"]["pruned"] == 30
        assert told["tensors"]["w"]["rounds"][0]["amount"] == 0.3


def test_that_files_of_masks_are_told_by_their_names_alone(source, tmp_path):
    checkpoint = pruner.open_checkpoint(source)
    masks = pruner.save(checkpoint, rounds(checkpoint), tmp_path / "masks.pt", "masks").path
    method = {"method": "custom_from_mask", "options": {"file": str(masks)}}
    plan = Plan.match(checkpoint, {"head.weight": 1.0}, **method)
    out = pruner.save(checkpoint, pruner.prune(checkpoint, plan, device="cpu"), tmp_path / "out.pt", "reversible").path
    again = pruner.stored_pruning(pruner.open_checkpoint(out))
    assert again["head.weight"].rounds[0].method.file == "masks.pt"
    assert str(tmp_path).encode() not in out.read_bytes()


def test_that_tied_weights_are_pruned_under_both_names_again(tmp_path):
    tied = torch.randn(20, 10)
    torch.save({"a": tied, "b": tied}, tmp_path / "tied.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "tied.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"a": 0.5}), device="cpu")
    out = pruner.save(checkpoint, result, tmp_path / "out.safetensors", "reversible").path
    again = pruner.open_checkpoint(out)
    values = loaded(pruner.save(again, pruner.stored_pruning(again), tmp_path / "zeros.pt").path)
    assert torch.equal(values["a"], values["b"])
    assert int((values["b"] == 0).sum()) == 100


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"pruned":12', b'"pruned":11'),
        (b'"l1_unstructured"', b'"l7_unstructured"'),
        (b'"scope":"local"', b'"scope":"lunar"'),
        (b'"tensors":{', b'"tensors":['),
    ],
)
def test_that_a_damaged_record_leaves_the_values_whole(tmp_path, before, after):
    save_file({"w": torch.randn(24)}, tmp_path / "w.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "w.safetensors")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"w": 0.5}), device="cpu")
    out = pruner.save(checkpoint, result, tmp_path / "out.safetensors", "reversible").path
    before, after = (part.replace(b'"', b'\\"') for part in (before, after))
    assert before in out.read_bytes()
    out.write_bytes(out.read_bytes().replace(before, after))
    again = pruner.open_checkpoint(out)
    with pytest.raises(PrunerError, match="its pruning cannot be told"):
        pruner.stored_pruning(again)
    assert torch.equal(again.read("w"), checkpoint.read("w"))


def test_that_the_command_goes_on_from_the_rounds_of_a_reversible_file(tmp_path, capfd):
    torch.save({"w": torch.randn(400)}, tmp_path / "w.pt")
    half = ["--amount", "w=50%"]
    middle, out = str(tmp_path / "middle.pt"), str(tmp_path / "out.pt")
    assert main(["prune", str(tmp_path / "w.pt"), "-o", middle, "--form", "reversible", "--compress", *half]) == 0
    assert main(["prune", middle, "-o", out, *half]) == 0
    assert int((torch.load(out, weights_only=True)["w"] == 0).sum()) == 300
    assert main(["prune", middle, "-o", str(tmp_path / "x.safetensors"), "--compress", *half]) == 1
    assert "safetensors has no compression" in capfd.readouterr().err


def test_that_a_set_of_shards_is_saved_reversibly_by_a_size_or_as_one_file(tmp_path):
    tensors = sharded(tmp_path / "set")
    checkpoint = pruner.open_checkpoint(tmp_path / "set")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"*.weight": 0.5}), device="cpu")
    with pytest.raises(PrunerError, match=r"as one file.*or as shards of a size"):
        pruner.save(checkpoint, result, tmp_path / "out", "reversible")
    pruner.save(checkpoint, result, tmp_path / "out", "reversible", shard_bytes=200)
    again = pruner.open_checkpoint(tmp_path / "out")
    assert list(again.tensors) == list(tensors)
    assert len(pruner.stored_pruning(again)) == 6


def test_that_the_marks_of_an_archive_lie_beside_what_torch_reads(source, tmp_path):
    checkpoint = pruner.open_checkpoint(source)
    out = pruner.save(checkpoint, rounds(checkpoint), tmp_path / "out.pt", "reversible").path
    with zipfile.ZipFile(out) as archive:
        ours = [name for name in archive.namelist() if "/.secateur/" in name]
    assert len(ours) == 2 + len(WEIGHTS)
    assert torch.load(out, weights_only=True).keys() == {"model", "epoch"}


def test_that_marks_are_of_one_set_of_weights_among_several(tmp_path):
    state = net().state_dict()
    torch.save({"model": state, "ema": {name: value + 1 for name, value in state.items()}}, tmp_path / "net.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt", "ema")
    result = rounds(checkpoint)
    out = pruner.save(checkpoint, result, tmp_path / "out.pt", "reversible").path
    assert pruner.stored_pruning(pruner.open_checkpoint(out, "ema")).tensors == dict(result.tensors)
    assert pruner.stored_pruning(pruner.open_checkpoint(out, "model")) is None
    alone = pruner.save(checkpoint, result, tmp_path / "alone.pt", "reversible", shard_bytes=10_000).path
    assert pruner.stored_pruning(pruner.open_checkpoint(alone)).tensors == dict(result.tensors)
