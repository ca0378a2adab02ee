"""Folders of torch.distributed.checkpoint: listed from the metadata, put together, patched in a copy."""

import dataclasses
import hashlib
import io
import math
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
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.nn.utils.prune import L1Unstructured

import pruner
from pruner.checkpoint import Piece
from pruner.distributed.patching import cut
from pruner.distributed.tiling import cover
from pruner.formats.distributed import FORMAT
from pruner.mask import Mask
from pruner.progress import Meter
from tests.unit.test_open import STRANGE, every_dtype, holds, same

links = pytest.mark.skipif(os.name == "nt", reason="Windows makes links only for administrators")


def saved(folder: Path, state: dict) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=folder, no_dist=True)
    return folder


def as_torch_loads(folder: Path) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp_to_torch_save(folder, folder.parent / f"{folder.name}.pt")
    return torch.load(folder.parent / f"{folder.name}.pt", weights_only=False)


def loaded_into(folder: Path, like: dict) -> dict:
    fresh = {name: torch.full_like(tensor, 7) for name, tensor in like.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.load(fresh, checkpoint_id=folder, no_dist=True)
    return fresh


def grid(shape: tuple[int, ...], parts: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Blocks of a tensor that is cut into so many parts along each dimension, uneven where it does not come out."""
    blocks: list = [((), ())]
    for size, count in zip(shape, parts, strict=True):
        step = math.ceil(size / count)
        edges = [(begin, min(step, size - begin)) for begin in range(0, size, step)]
        blocks = [((*first, begin), (*sizes, length)) for first, sizes in blocks for begin, length in edges]
    return blocks


def handmade(folder: Path, tensors: dict[str, tuple[torch.Tensor, list]], files: int = 2) -> Metadata:
    """A folder as ranks write it together: the blocks of the tensors go to the files in turn."""
    folder.mkdir()
    streams = [io.BytesIO() for _ in range(files)]
    described, places, turn = {}, {}, 0
    for key, (tensor, blocks) in tensors.items():
        chunks = []
        for first, shape in blocks:
            block = tensor[tuple(slice(begin, begin + size) for begin, size in zip(first, shape, strict=True))].clone()
            rank, turn = turn % files, turn + 1
            begin = streams[rank].tell()
            torch.save(block, streams[rank])
            index = MetadataIndex(key, torch.Size(first), len(chunks))
            places[index] = _StorageInfo(f"__{rank}_0.distcp", begin, streams[rank].tell() - begin)
            chunks.append(ChunkStorageMetadata(torch.Size(first), torch.Size(shape)))
        described[key] = TensorStorageMetadata(TensorProperties(tensor.dtype), tensor.size(), chunks)
    for rank, stream in enumerate(streams):
        (folder / f"__{rank}_0.distcp").write_bytes(stream.getvalue())
    metadata = Metadata(described, {key: (key,) for key in described}, places, None, "1.0.0")
    rewritten(folder, metadata)
    return metadata


def rewritten(folder: Path, metadata: object) -> None:
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


def digests(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir() if one.is_file()}


def two_tiles(folder: Path) -> Metadata:
    tensor = torch.arange(24.0).reshape(4, 6)
    return handmade(folder, {"weight": (tensor, grid((4, 6), (2, 1))), "bias": (torch.ones(3), grid((3,), (1,)))})


def test_that_every_dtype_scalars_and_empty_tensors_are_read(tmp_path):
    folder = saved(tmp_path / "m", {"model": every_dtype()})
    checkpoint = pruner.open_checkpoint(folder)
    assert (checkpoint.format, checkpoint.root, checkpoint.metadata) == ("distributed", "model", {"version": "1.0.0"})
    holds(checkpoint, as_torch_loads(folder)["model"])


def test_that_strided_and_tied_tensors_are_read_as_torch_loads_them(tmp_path):
    tensors = {
        "transposed": torch.randn(30, 40).t(), "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "view": torch.randn(100)[3:40:2], "wide": torch.ones(1).expand(5),
        "tied": (tied := torch.randn(3)), "too": tied,
    }  # fmt: skip
    folder = saved(tmp_path / "m", tensors)
    holds(pruner.open_checkpoint(folder), as_torch_loads(folder))


def test_that_names_may_be_strange_and_long(tmp_path):
    tensors = {name: torch.full((2,), float(place)) for place, name in enumerate([*STRANGE, "y" * 5000, "a.b", "a"])}
    folder = saved(tmp_path / "m", {"model": tensors, "step": 3})
    checkpoint = pruner.open_checkpoint(folder)
    holds(checkpoint, tensors)
    assert checkpoint.others == ("step",)


def test_that_the_weights_are_told_from_the_optimizer(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(8, 3)).sum().backward()
    optimizer.step()
    state = {"app": {"model": module.state_dict(), "optim": optimizer.state_dict()}, "epoch": 3,
             "adam": optimizer.state_dict(), "ema": dict(module.state_dict())}  # fmt: skip
    folder = saved(tmp_path / "m", state)
    checkpoint = pruner.open_checkpoint(folder, root="app.model")
    assert set(checkpoint.roots) == {"app.model", "ema"}
    assert set(checkpoint.others) == {"app.optim", "epoch", "adam", "ema"}
    holds(checkpoint, as_torch_loads(folder)["app"]["model"])
    assert [checkpoint[name].kind for name in ("0.weight", "1.running_mean")] == ["parameter", "buffer"]
    with pytest.raises(pruner.PrunerError, match="“optim”"):
        pruner.open_checkpoint(folder, root="optim")


@pytest.mark.parametrize("key", ["optimizer", "", "optim"])
def test_that_an_optimizer_with_flat_keys_is_never_taken_for_weights(tmp_path, key):
    flat = {"state.fc.weight.exp_avg": torch.ones(2), "param_groups.fc.weight.lr": 0.1}
    state = {key: flat, "fc.weight": torch.ones(2)} if key else {**flat, "fc.weight": torch.ones(2)}
    checkpoint = pruner.open_checkpoint(saved(tmp_path / "m", state))
    assert list(checkpoint.tensors) == ["fc.weight"]


def test_that_metadata_without_a_record_of_the_nesting_are_listed(tmp_path):
    tensors = {"decoder.weight": torch.randn(4, 2), "optimizer.state.exp_avg.decoder.weight": torch.ones(4, 2)}
    metadata = handmade(tmp_path / "m", {key: (one, grid((4, 2), (2, 1))) for key, one in tensors.items()})
    rewritten(tmp_path / "m", dataclasses.replace(metadata, planner_data=None))
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    holds(checkpoint, {"decoder.weight": tensors["decoder.weight"]})
    assert checkpoint.others == ("optimizer",)


def test_that_a_folder_of_an_optimizer_alone_holds_no_weights(tmp_path):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(3))], momentum=0.9)
    optimizer.param_groups[0]["params"][0].sum().backward()
    optimizer.step()
    with pytest.raises(pruner.PrunerError, match="no weights"):
        pruner.open_checkpoint(saved(tmp_path / "m", optimizer.state_dict()))


def test_that_deeply_nested_dictionaries_are_flattened(tmp_path):
    folder = saved(tmp_path / "m", {"a": {"b": {"c": {"d": {"e": {"weight": torch.arange(3.0)}}}}}, "n": 1})
    checkpoint = pruner.open_checkpoint(folder)
    holds(checkpoint, {"a.b.c.d.e.weight": torch.arange(3.0)})


@pytest.mark.parametrize("name", ["", ".metadata", "__0_0.distcp"])
def test_that_the_folder_opens_by_any_of_its_files(tmp_path, name):
    folder = saved(tmp_path / "m", {"w": torch.ones(3)})
    checkpoint = pruner.open_checkpoint(folder / name)
    assert checkpoint.path == folder / name
    assert [stamp.path.name for stamp in checkpoint.files] == [".metadata", "__0_0.distcp"]
    assert same(checkpoint.read("w"), torch.ones(3))


def test_that_ranks_that_saved_alone_are_opened_one_by_one(tmp_path):
    two_tiles(tmp_path / "m")
    (tmp_path / "m" / ".metadata").rename(tmp_path / "m" / "__0.metadata")
    assert len(pruner.open_checkpoint(tmp_path / "m").tensors) == 2
    (tmp_path / "m" / "__1.metadata").write_bytes((tmp_path / "m" / "__0.metadata").read_bytes())
    with pytest.raises(pruner.PrunerError, match="one of these files"):
        pruner.open_checkpoint(tmp_path / "m")
    assert len(pruner.open_checkpoint(tmp_path / "m" / "__1.metadata").tensors) == 2


@pytest.mark.parametrize("parts", [(5, 1, 1), (1, 3, 1), (3, 2, 1), (2, 2, 2), (1, 1, 1)])
def test_that_pieces_of_several_files_are_put_together(tmp_path, parts):
    tensor = torch.randn(7, 5, 3)
    handmade(tmp_path / "m", {"w": (tensor, grid((7, 5, 3), parts)), "v": (tensor[0], grid((5, 3), parts[1:]))}, 3)
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    holds(checkpoint, {"w": tensor, "v": tensor[0]})
    assert same(loaded_into(tmp_path / "m", {"w": tensor})["w"], tensor)
    for elements in (1, 13, 1000):
        chunks = list(checkpoint.chunks("w", elements))
        assert all(chunk.numel() == elements for chunk in chunks[:-1])
        assert torch.equal(torch.cat(chunks), tensor.reshape(-1))
    info = checkpoint["w"]
    assert (info.contiguous, info.overlapping, info.storage.nbytes) == (True, False, 0)
    assert len(info.pieces) == len(grid((7, 5, 3), parts))


def test_that_irregular_tilings_are_put_together(tmp_path):
    tensor = torch.randn(5, 5)
    pinwheel = [((0, 0), (2, 3)), ((0, 3), (3, 2)), ((3, 2), (2, 3)), ((2, 0), (3, 2)), ((2, 2), (1, 1))]
    rows = [((0, 0), (3, 5)), ((3, 0), (2, 1)), ((3, 1), (2, 4))]
    handmade(tmp_path / "m", {"pinwheel": (tensor, pinwheel), "rows": (tensor, rows[::-1])})
    holds(pruner.open_checkpoint(tmp_path / "m"), {"pinwheel": tensor, "rows": tensor})


def test_that_rows_are_read_in_bounded_memory(tmp_path, monkeypatch):
    tensor = torch.arange(1 << 16, dtype=torch.float32).reshape(64, -1)
    handmade(tmp_path / "m", {"w": (tensor, grid((64, 1024), (4, 1)))})
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    monkeypatch.setattr("pruner.distributed.pieces.put_together", lambda info: pytest.fail("the tensor is read whole"))
    chunks = list(checkpoint.chunks("w", 1000))
    assert torch.equal(torch.cat(chunks), tensor.reshape(-1))


@pytest.mark.parametrize("numel", [1, 7, 8, 9, 200])
def test_that_a_mask_is_cut_like_its_tensor(numel):
    kept = torch.rand(numel, 6) < 0.5
    mask = Mask.from_bools(kept.numpy())
    for parts in ((1, 1), (min(numel, 3), 1), (1, 4), (min(numel, 2), 2)):
        for first, shape in grid((numel, 6), parts):
            expected = kept[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]
            assert cut(mask, Piece(first, shape, Path(), 0, 0)) == Mask.from_bools(expected.numpy())


def test_that_only_exact_tilings_count_as_such():
    assert cover((4, 4), dict(grid((4, 4), (2, 2))))
    assert not cover((4, 4), {(0, 0): (4, 2), (0, 1): (4, 2)})
    assert not cover((4, 4), {(0, 0): (2, 4), (1, 0): (2, 4)})
    assert not cover((2,) * 40, dict.fromkeys([(0,) * 40, (1,) * 40], (1,) * 40))


def replaced(metadata: Metadata, key: str, **changes: object) -> Metadata:
    described = {**metadata.state_dict_metadata, key: dataclasses.replace(metadata.state_dict_metadata[key], **changes)}
    return dataclasses.replace(metadata, state_dict_metadata=described)


def placed(metadata: Metadata, **changes: object) -> Metadata:
    places = dict(metadata.storage_data)
    first = next(iter(places))
    places[first] = dataclasses.replace(places[first], **changes)
    return dataclasses.replace(metadata, storage_data=places)


def chunk(first: tuple[int, ...], shape: tuple[int, ...]) -> ChunkStorageMetadata:
    return ChunkStorageMetadata(torch.Size(first), torch.Size(shape))


LIES = {
    "an offset beyond the file": (lambda m: placed(m, offset=10**9), "“weight” should be its bytes"),
    "a length beyond the file": (lambda m: placed(m, length=10**12), "“weight” should be its bytes"),
    "a negative offset": (lambda m: placed(m, offset=-1), "“weight” should be its bytes"),
    "a place that is no number": (lambda m: placed(m, offset="0"), "place of an item"),
    "an item in two tensors": (lambda m: placed(m, offset=0, length=2000), "overlap"),
    "a path upwards": (lambda m: placed(m, relative_path="../x.distcp"), "outside its own folder"),
    "an absolute path": (lambda m: placed(m, relative_path="/etc/passwd"), "outside its own folder"),
    "a path with a backslash": (lambda m: placed(m, relative_path="..\\x"), "outside its own folder"),
    "the folder itself": (lambda m: placed(m, relative_path=".."), "outside its own folder"),
    "a null character": (lambda m: placed(m, relative_path="a\0b"), "outside its own folder"),
    "a missing file": (lambda m: placed(m, relative_path="__9_0.distcp"), "__9_0.distcp: the file is missing"),
    "a chunk outside": (lambda m: replaced(m, "bias", chunks=[chunk((1,), (3,))]), "“bias” has a piece of shape"),
    "a chunk of other dimensions": (
        lambda m: replaced(m, "bias", chunks=[chunk((0, 0), (3, 1))]), "“bias” has a piece of shape"),
    "chunks that overlap": (
        lambda m: replaced(m, "weight", chunks=[chunk((0, 0), (2, 6)), chunk((1, 0), (3, 6))]), "“weight” overlap"),
    "chunks that overlap and leave a hole": (
        lambda m: replaced(m, "weight", chunks=[chunk((0, 0), (2, 6)), chunk((1, 0), (2, 6))]), "“weight” overlap"),
    "one chunk in two sizes": (
        lambda m: replaced(m, "weight", chunks=[chunk((0, 0), (2, 6)), chunk((0, 0), (4, 6))]), "“weight” overlap"),
    "a missing chunk": (
        lambda m: replaced(m, "weight", chunks=[chunk((0, 0), (2, 6))]), "of “weight” only 12 of 24 elements"),
    "no chunks": (lambda m: replaced(m, "weight", chunks=[]), "of “weight” only 0 of 24 elements"),
    "a chunk without a place": (
        lambda m: dataclasses.replace(m, storage_data=dict(list(m.storage_data.items())[1:])),
        "“weight” at .* is missing"),
    "no places": (lambda m: dataclasses.replace(m, storage_data=None), "“weight” at .* is missing"),
    "a million chunks": (
        lambda m: replaced(m, "weight", chunks=[chunk((0, 0), (2, 6))] * 1_000_000), "1000000 pieces"),
    "a shape that is none": (lambda m: replaced(m, "bias", size="abc"), "“bias” has no proper shape"),
    "a gigantic shape": (lambda m: replaced(m, "bias", size=torch.Size([2**40, 2**40])), "more elements than any"),
    "properties that are none": (lambda m: replaced(m, "bias", properties=None), "“bias” is not described"),
    "keys in one another": (
        lambda m: dataclasses.replace(m, planner_data={"weight": ("a", "b"), "bias": ("a", "b", "c")}),
        "no dictionary"),
    "two keys in one place": (
        lambda m: dataclasses.replace(m, planner_data={"weight": ("a",), "bias": ("a",)}), "stands in it twice"),
}  # fmt: skip


@pytest.mark.parametrize("what", LIES)
def test_that_metadata_that_lie_are_refused_by_name(tmp_path, what):
    metadata = two_tiles(tmp_path / "m")
    lie, message = LIES[what]
    rewritten(tmp_path / "m", lie(metadata))
    begun = time.perf_counter()
    with pytest.raises(pruner.PrunerError, match=message) as caught:
        pruner.open_checkpoint(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)
    assert time.perf_counter() - begun < 2


def test_that_a_replicated_chunk_counts_once_and_empty_ones_do_not(tmp_path):
    metadata = two_tiles(tmp_path / "m")
    chunks = metadata.state_dict_metadata["weight"].chunks
    rewritten(tmp_path / "m", replaced(metadata, "weight", chunks=[*chunks, *chunks, chunk((4, 0), (0, 6))]))
    holds(pruner.open_checkpoint(tmp_path / "m"), {"weight": torch.arange(24.0).reshape(4, 6), "bias": torch.ones(3)})


def test_that_items_of_other_tensors_and_kinds_are_refused_when_read(tmp_path):
    metadata = two_tiles(tmp_path / "m")
    rewritten(tmp_path / "m", replaced(metadata, "bias", properties=TensorProperties(torch.float64)))
    with pytest.raises(pruner.PrunerError, match=r"float32 of shape .*“bias”"):
        pruner.open_checkpoint(tmp_path / "m").read("bias")
    place = next(info for index, info in metadata.storage_data.items() if index.fqn == "bias")
    path = tmp_path / "m" / place.relative_path
    whole = path.read_bytes()
    rewritten(tmp_path / "m", metadata)
    for head, kind in ((b"\x28\xb5\x2f\xfd", "zstd"), (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before 1.6"),
                       (b"x" * 8 + b"{", "safetensors"), (b"\0" * 40, "no known kind"),
                       (b"PK\x03\x04" * 9, "bias")):  # fmt: skip
        item = head + b"\0" * (place.length - len(head))
        path.write_bytes(whole[: place.offset] + item + whole[place.offset + place.length :])
        with pytest.raises(pruner.PrunerError, match=kind) as caught:
            pruner.open_checkpoint(tmp_path / "m").read("bias")
        assert "“bias”" in str(caught.value)


@links
def test_that_a_piece_of_one_element_may_have_any_stride(tmp_path, monkeypatch):
    save = torch.save

    def save_column(block: torch.Tensor, stream) -> None:
        save(torch.full((24,), 7.0).as_strided((1,), (12,)) if block.shape == (1,) else block, stream)

    monkeypatch.setattr(torch, "save", save_column)
    handmade(tmp_path / "m", {"w": (torch.ones(2), grid((2,), (2,)))})
    monkeypatch.undo()
    assert pruner.open_checkpoint(tmp_path / "m").read("w").tolist() == [7.0, 7.0]


def test_that_a_link_out_of_the_folder_is_not_followed(tmp_path):
    two_tiles(tmp_path / "m")
    (tmp_path / "m" / "__1_0.distcp").rename(tmp_path / "secret")
    (tmp_path / "m" / "__1_0.distcp").symlink_to(tmp_path / "secret")
    with pytest.raises(pruner.PrunerError, match="link out of its folder"):
        pruner.open_checkpoint(tmp_path / "m")
    (tmp_path / "m" / "__1_0.distcp").unlink()
    (tmp_path / "secret").rename(tmp_path / "m" / "__1_0.distcp")
    (tmp_path / "m" / "notes.txt").symlink_to("/etc/hosts")
    checkpoint = pruner.open_checkpoint(tmp_path / "m")
    out = pruner.save(checkpoint, pruned_half(checkpoint, "weight"), tmp_path / "out")
    assert "“notes.txt”" in out.notes[0]
    assert not (tmp_path / "out" / "notes.txt").exists()


@links
def test_that_links_of_a_hub_cache_are_followed(tmp_path):
    folder = tmp_path / "models--x" / "snapshots" / "abc" / "weights"
    folder.parent.mkdir(parents=True)
    two_tiles(folder)
    blobs = tmp_path / "models--x" / "blobs"
    blobs.mkdir()
    for file in list(folder.iterdir()):
        file.rename(blobs / file.name)
        file.symlink_to(blobs / file.name)
    assert same(pruner.open_checkpoint(folder).read("bias"), torch.ones(3))


class Trap:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.mark.parametrize("where", ["planner", "place", "chunk", "before"])
def test_that_nothing_in_the_metadata_is_run(tmp_path, where):
    metadata, trap = two_tiles(tmp_path / "m"), Trap(tmp_path / "canary")
    if where == "planner":
        rewritten(tmp_path / "m", dataclasses.replace(metadata, planner_data={"weight": trap}))
    elif where == "place":
        rewritten(tmp_path / "m", placed(metadata, relative_path=trap))
    elif where == "chunk":
        rewritten(tmp_path / "m", replaced(metadata, "weight", chunks=[trap]))
    else:
        first = pickle.dumps(trap, protocol=2)[:-1] + b"0"
        (tmp_path / "m" / ".metadata").write_bytes(first + pickle.dumps(metadata, protocol=2)[2:])
    if where in ("planner", "before"):
        checkpoint = pruner.open_checkpoint(tmp_path / "m")
        assert {one.verdict for one in checkpoint.globals if one.name.endswith(".system")} == {"dangerous"}
        assert len(checkpoint.tensors) == 2
    else:
        with pytest.raises(pruner.PrunerError):
            pruner.open_checkpoint(tmp_path / "m")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("content", [b"", b"junk", b"\x80\x04.", b"\x80\x04K\x01.", pickle.dumps({"a": 1}),
                                     pickle.dumps(Metadata({}))[:-20], pickle.dumps(Metadata({})),
                                     pickle.dumps(BytesStorageMetadata())])  # fmt: skip
def test_that_metadata_that_are_none_are_refused(tmp_path, content):
    two_tiles(tmp_path / "m")
    (tmp_path / "m" / ".metadata").write_bytes(content)
    for name in ("", ".metadata", "__0_0.distcp"):
        with pytest.raises(pruner.PrunerError):
            pruner.open_checkpoint(tmp_path / "m" / name)


def test_that_a_part_without_its_metadata_is_named(tmp_path):
    two_tiles(tmp_path / "m")
    (tmp_path / "m" / ".metadata").unlink()
    with pytest.raises(pruner.PrunerError, match=r"“\.metadata” is missing"):
        pruner.open_checkpoint(tmp_path / "m" / "__0_0.distcp")
    with pytest.raises(pruner.PrunerError, match=r"\.metadata"):
        pruner.open_checkpoint(tmp_path / "m")


def pruned_half(checkpoint: pruner.Checkpoint, pattern: str = "*.weight") -> pruner.Pruning:
    return pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {pattern: 0.5}), device="cpu")


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
