"""Folders of torch.distributed.checkpoint: patched in a copy, and written elsewhere."""

import dataclasses
import io
import os
import pickle
import socket
import time
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.metadata import (
    Metadata,
    MetadataIndex,
)
from torch.nn.utils.prune import L1Unstructured

import pruner
from pruner.formats.distributed import FORMAT
from pruner.progress import Meter
from tests.unit.distributed_folders import (
    as_torch_loads,
    digests,
    grid,
    handmade,
    loaded_into,
    placed,
    pruned_half,
    rewritten,
    saved,
)
from tests.unit.test_open import holds, same


def as_torch_prunes(tensor: torch.Tensor) -> torch.Tensor:
    return torch.where(L1Unstructured(0.5).prune(tensor).ne(0), tensor, torch.zeros_like(tensor))


def test_that_the_permanent_form_is_a_patched_copy_of_the_folder(tmp_path):
    module = nn.Sequential(nn.Linear(30, 40), nn.Linear(40, 5))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(8, 30)).sum().backward()
    optimizer.step()
    folder = saved(tmp_path / "m", {"model": module.state_dict(), "optimizer": optimizer.state_dict(), "step": 1})
    (folder / "config.json").write_text("{}")
    (folder / "logs").mkdir()
    before = digests(folder)
    checkpoint = pruner.open_checkpoint(folder)
    out = pruner.save(checkpoint, pruned_half(checkpoint), tmp_path / "out")
    assert (out.format, out.notes) == ("distributed", ("“logs” is no file of the folder's own: it is not copied.",))
    assert digests(folder) == before
    assert {one.name for one in (tmp_path / "out").iterdir()} == set(before)
    original, pruned = as_torch_loads(folder), as_torch_loads(tmp_path / "out")
    for name, tensor in module.state_dict().items():
        expected = as_torch_prunes(tensor) if name.endswith("weight") else tensor
        assert same(pruned["model"][name], expected)
    assert same(pruned["optimizer"]["state"]["0"]["exp_avg"], original["optimizer"]["state"]["0"]["exp_avg"])
    assert pruned["optimizer"]["param_groups"] == original["optimizer"]["param_groups"]
    fresh = {"model": {name: torch.zeros_like(one) for name, one in module.state_dict().items()}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.load(fresh, checkpoint_id=tmp_path / "out", no_dist=True)
    assert same(fresh["model"]["0.weight"], pruned["model"]["0.weight"])
    assert only_elements_and_checksums_differ(checkpoint, tmp_path / "out")


def only_elements_and_checksums_differ(checkpoint: pruner.Checkpoint, out: Path) -> bool:
    """Outside the data of weights the files differ in two checksums an item, and these are right."""
    from pruner.distributed.pieces import located
    from pruner.zips.directory import checksum_places

    for stamp in checkpoint.files:
        source, made = stamp.path.read_bytes(), bytearray((out / stamp.path.name).read_bytes())
        for info in checkpoint.tensors.values():
            for piece in info.pieces:
                if piece.file != stamp.path:
                    continue
                with zipfile.ZipFile(io.BytesIO(made[piece.offset : piece.offset + piece.length])) as archive:
                    assert archive.testzip() is None
                entry = located(info, piece).entry
                with stamp.path.open("rb") as file:
                    places = checksum_places(file, entry)
                for begin, length in [(entry.offset, entry.size), *((place, 4) for place in places)]:
                    made[begin : begin + length] = source[begin : begin + length]
        assert bytes(made) == source
    return True


@pytest.mark.parametrize("parts", [(3, 1), (1, 3), (2, 2), (7, 5)])
def test_that_pieces_are_patched_wherever_they_lie(tmp_path, parts):
    tensor = torch.randn(33, 21, dtype=torch.float64)
    other = torch.randn(4, 4).to(torch.bfloat16).t()
    tensors = {"a.weight": (tensor, grid((33, 21), parts)), "b.weight": (other, grid((4, 4), (1, 1)))}
    handmade(tmp_path / "m", tensors, 3)
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    result = pruned_half(checkpoint)
    before = digests(tmp_path / "m")
    masks = {name: one.mask for name, one in result.tensors.items()}
    assert FORMAT.patch(checkpoint, masks, tmp_path / "out", Meter(checkpoint.file_bytes, None)) == []
    assert digests(tmp_path / "m") == before
    expected = {"a.weight": as_torch_prunes(tensor), "b.weight": torch.where(masks["b.weight"].to_tensor(), other, 0)}
    holds(pruner.open_checkpoint(tmp_path / "out"), expected)
    loaded = loaded_into(tmp_path / "out", {"a.weight": tensor, "b.weight": other})
    assert all(same(loaded[name], one) for name, one in expected.items())
    assert only_elements_and_checksums_differ(checkpoint, tmp_path / "out")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("form", ["permanent", "masked"])
def test_that_other_containers_can_be_written(tmp_path, suffix, form):
    tensor = torch.randn(33, 21)
    handmade(tmp_path / "m", {"a.weight": (tensor, grid((33, 21), (2, 2))), "a.bias": (tensor[0], grid((21,), (4,)))})
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    out = pruner.save(checkpoint, pruned_half(checkpoint), tmp_path / f"out{suffix}", form)
    made = pruner.open_checkpoint(out.path)
    assert same(made.read("a.bias"), tensor[0])
    values = made.read("a.weight") if form == "permanent" else made.read("a.weight_orig") * made.read("a.weight_mask")
    assert torch.equal(values, as_torch_prunes(tensor))


def test_that_a_wrong_checksum_in_the_source_is_told(tmp_path):
    tensor = torch.randn(33, 21)
    handmade(tmp_path / "m", {"a.weight": (tensor, grid((33, 21), (1, 1)))}, 1)
    path = tmp_path / "m" / "__0_0.distcp"
    content = path.read_bytes()
    at = content.index(tensor.numpy().tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    assert "checksum of “a.weight”" in pruner.save(checkpoint, pruned_half(checkpoint), tmp_path / "out").notes[0]


def test_that_packed_items_are_read_and_not_patched(tmp_path):
    tensor = torch.zeros(33, 21)
    handmade(tmp_path / "m", {"a.weight": (tensor, grid((33, 21), (1, 1)))}, 1)
    path, packed = tmp_path / "m" / "__0_0.distcp", io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    path.write_bytes(packed.getvalue())
    metadata = pickle.loads((tmp_path / "m" / ".metadata").read_bytes())
    rewritten(tmp_path / "m", placed(metadata, length=len(packed.getvalue())))
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    assert same(checkpoint.read("a.weight"), tensor)
    with pytest.raises(pruner.PrunerError, match=r"“a\.weight” is packed"):
        pruner.save(checkpoint, pruned_half(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_that_cancelling_leaves_nothing(tmp_path):
    handmade(tmp_path / "m", {"a.weight": (torch.randn(300, 21), grid((300, 21), (5, 1)))})
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    result = pruned_half(checkpoint)

    def cancel(done: int, total: int, what: str) -> None:
        if done > total // 2:
            raise pruner.Cancelled

    with pytest.raises(pruner.Cancelled):
        pruner.save(checkpoint, result, tmp_path / "out", progress=cancel)
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


def test_that_the_source_folder_is_no_target_and_changes_are_noticed(tmp_path):
    handmade(tmp_path / "m", {"a.weight": (torch.randn(30, 21), grid((30, 21), (5, 1)))})
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    result = pruned_half(checkpoint)
    with pytest.raises(pruner.PrunerError, match="source itself"):
        pruner.save(checkpoint, result, tmp_path / "m")
    (tmp_path / "m" / "__1_0.distcp").write_bytes(b"")
    with pytest.raises(pruner.PrunerError, match=r"“a\.weight”"):
        checkpoint.read("a.weight")
    with pytest.raises(pruner.PrunerError, match="has changed"):
        pruner.save(checkpoint, result, tmp_path / "out")


def test_that_many_tensors_are_listed_without_a_look_into_the_items(tmp_path):
    tensors = {f"layers.{number // 10}.p{number % 10}.weight": torch.ones(2, 2) for number in range(5000)}
    metadata = handmade(tmp_path / "m", {"w": (torch.ones(2, 2), grid((2, 2), (1, 1)))}, 1)
    described, place = metadata.state_dict_metadata["w"], next(iter(metadata.storage_data.values()))
    places = {
        MetadataIndex(key, torch.Size([0, 0]), 0): dataclasses.replace(place, offset=place.length * number)
        for number, key in enumerate(tensors)
    }
    with (tmp_path / "m" / "__0_0.distcp").open("r+b") as file:
        file.truncate(place.length * len(tensors))
    rewritten(tmp_path / "m", Metadata(dict.fromkeys(tensors, described), None, places))
    begun = time.perf_counter()
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    assert time.perf_counter() - begun < 3
    assert list(checkpoint.tensors) == list(tensors)
    assert same(checkpoint.read("layers.0.p0.weight"), torch.ones(2, 2))
    with pytest.raises(pruner.PrunerError, match=r"layers\.1\.p0\.weight"):
        checkpoint.read("layers.1.p0.weight")


def _rank(rank: int, port: int, folder: str) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    mesh = init_device_mesh("cpu", (2,))
    torch.manual_seed(0)
    shapes = {"rows": (7, 6), "columns": (4, 9), "one": (1, 5), "same": (3,)}
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    cuts = {"rows": [Shard(0)], "columns": [Shard(1)], "one": [Shard(0)]}
    state = {name: distribute_tensor(tensors[name], mesh, cut) for name, cut in cuts.items()}
    dcp.save({"model": state | {"same": tensors["same"]}, "step": 5}, checkpoint_id=folder)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_that_what_two_ranks_saved_is_put_together_and_patched(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_rank, (port, str(tmp_path / "m")), 2)
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    loaded = as_torch_loads(tmp_path / "m")["model"]
    holds(checkpoint, {name: loaded[name] for name in checkpoint.tensors})
    assert [len(checkpoint[name].pieces) for name in ("rows", "columns", "one")] == [2, 2, 1]
    assert len({stamp.path.suffix for stamp in checkpoint.files}) == 2
    plan = pruner.Plan.match(checkpoint, {"rows": 0.5, "columns": 0.5})
    pruner.save(checkpoint, pruner.prune(checkpoint, plan, device="cpu"), tmp_path / "out")
    pruned = as_torch_loads(tmp_path / "out")["model"]
    for name, tensor in loaded.items():
        assert same(pruned[name], as_torch_prunes(tensor) if name in ("rows", "columns") else tensor)
