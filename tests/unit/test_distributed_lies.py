"""Folders of torch.distributed.checkpoint whose metadata lie, lead out of the folder, or would run code."""

import dataclasses
import os
import pickle
import time
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorProperties,
)

import pruner
from tests.unit.distributed_folders import grid, handmade, links, placed, pruned_half, rewritten, two_tiles
from tests.unit.test_open import holds, same


def replaced(metadata: Metadata, key: str, **changes: object) -> Metadata:
    described = {**metadata.state_dict_metadata, key: dataclasses.replace(metadata.state_dict_metadata[key], **changes)}
    return dataclasses.replace(metadata, state_dict_metadata=described)


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
