"""Bad files get a message that names them, and never anything else."""

import json
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import pruner
from pruner import PrunerError
from tests.unit.test_open import sharded


def refused(path: Path, says: str | None = None) -> None:
    with pytest.raises(PrunerError, match=says) as raised:
        pruner.open_checkpoint(path)
    assert str(path.parent) in str(raised.value)


def header(entries: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin: int = 0, end: int = 8, shape: object = (2,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


LIES = {
    "a header of 2^60 bytes": header({}, length=1 << 60),
    "a header beyond the file": header({}, length=1000),
    "no JSON": header(b"{" + b"x" * 20),
    "no object": header(b"[1, 2]"),
    "deep JSON": header(b'{"a":' + b"[" * 100_000),
    "a name twice": header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', b"x" * 8),
    "outside the file": header({"a": tensor(0, 8000, (2000,))}, b"x" * 8),
    "backwards": header({"a": tensor(8, 0)}, b"x" * 8),
    "negative": header({"a": tensor(-8, 0)}, b"x" * 8),
    "a fraction": header({"a": tensor(shape=[2.0])}, b"x" * 8),
    "true as a number": header({"a": tensor(shape=[True, 2])}, b"x" * 8),
    "another size than its shape": header({"a": tensor(shape=[3])}, b"x" * 8),
    "overlapping": header({"a": tensor(), "b": tensor(4, 12)}, b"x" * 12),
    "a hole": header({"a": tensor(), "b": tensor(12, 20)}, b"x" * 20),
    "bytes left over": header({"a": tensor()}, b"x" * 9),
    "an unknown type": header({"a": tensor(dtype="F7")}, b"x" * 8),
    "a type that is no text": header({"a": tensor(dtype=["F32"])}, b"x" * 8),
    "an entry that is no object": header({"a": 3}, b"x" * 8),
    "metadata that is no text": header({"__metadata__": {"a": 1}}),
    "too short": b"abc",
    "not UTF-8": header(b'{"\xff": 1}'),
}


@pytest.mark.parametrize("lie", LIES)
def test_that_a_safetensors_header_that_lies_is_refused(tmp_path, lie):
    (tmp_path / "m.safetensors").write_bytes(LIES[lie])
    refused(tmp_path / "m.safetensors")


FOREIGN = {
    "empty": (b"", "empty"),
    "page": (b"<!DOCTYPE html><html>", "web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "gguf": (b"GGUF\x03\0\0\0" + b"\0" * 80, "GGUF"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 80, "HDF5"),
    "pickle": (b"\x80\x02}q\x00.", "plain pickle"),
    "text": (b"hello world, this is no checkpoint", "text"),
    "noise": (bytes(range(128, 228)), "no checkpoint"),
    "cut zip": (b"PK\x03\x04" + b"\0" * 60, "cut off or damaged"),
}


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".dat"])
@pytest.mark.parametrize("name", FOREIGN)
def test_that_a_file_of_another_kind_is_named(tmp_path, name, suffix):
    content, says = FOREIGN[name]
    (tmp_path / f"m{suffix}").write_bytes(content)
    refused(tmp_path / f"m{suffix}", says)


def test_that_missing_files_and_folders_without_shards_are_named(tmp_path):
    refused(tmp_path / "nothing.pt", "no such file")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "folder")


def test_that_a_file_without_permission_is_named(tmp_path, monkeypatch):
    (tmp_path / "m.pt").write_bytes(b"x")

    def refuse(self, *_args, **_kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    refused(tmp_path / "m.pt", "permission")


def edit_index(folder: Path, shard: str) -> None:
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    content["weight_map"]["layers.0.weight"] = shard
    index.write_text(json.dumps(content))


@pytest.mark.parametrize("shard", ["../m.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "a\\b.safetensors"])
def test_that_an_index_that_points_outside_its_folder_is_not_followed(tmp_path, shard):
    sharded(tmp_path / "set")
    save_file({"layers.0.weight": torch.ones(4, 5)}, tmp_path / "m.safetensors")
    edit_index(tmp_path / "set", shard)
    refused(tmp_path / "set", "outside its own folder")


def test_that_missing_links_and_wrong_shards_are_named(tmp_path):
    folder = tmp_path / "set"
    sharded(folder)
    first = folder / "model-00001-of-00003.safetensors"
    outside = tmp_path / "elsewhere.safetensors"
    first.rename(outside)
    refused(folder, "missing")
    first.symlink_to(outside)
    refused(folder, "link out of its folder")
    first.unlink()
    outside.rename(first)
    edit_index(folder, "model-00002-of-00003.safetensors")
    refused(folder, r"layers\.0\.weight")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    torch.save({"weight": torch.arange(12.0).reshape(3, 4), "bias": torch.ones(3)}, tmp_path / "m.pt")
    return tmp_path / "m.pt"


def rewrite(path: Path, change) -> None:
    """Write the archive again with its entries changed: a list of names and contents."""
    with zipfile.ZipFile(path) as source:
        entries = [(entry.filename, source.read(entry)) for entry in source.infolist()]
    with zipfile.ZipFile(path, "w") as target:
        for name, content in change(entries):
            target.writestr(name, content)


def test_that_a_storage_that_is_missing_or_too_short_is_named(archive):
    rewrite(archive, lambda entries: [(n, c[:8] if n.endswith("data/0") else c) for n, c in entries])
    refused(archive, "“weight” reaches beyond its storage")
    rewrite(archive, lambda entries: [(n, c) for n, c in entries if not n.endswith("data/0")])
    refused(archive, "“weight” are missing")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_that_an_archive_with_a_name_twice_is_refused(archive):
    rewrite(archive, lambda entries: [*entries, entries[0]])
    refused(archive, "twice")


def test_that_a_big_endian_file_is_refused(archive):
    rewrite(archive, lambda entries: [(n, b"big" if n.endswith("byteorder") else c) for n, c in entries])
    refused(archive, "big-endian")


def test_that_deflated_storages_are_read_and_patched(archive, tmp_path):
    with zipfile.ZipFile(archive) as source:
        entries = [(entry.filename, source.read(entry)) for entry in source.infolist()]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)
    checkpoint = pruner.open_checkpoint(archive)
    assert torch.equal(checkpoint.read("weight"), torch.arange(12.0).reshape(3, 4))
    result = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"weight": 0.5}))
    pruner.save(checkpoint, result, tmp_path / "out.pt")
    expected = torch.arange(12.0).reshape(3, 4) * result["weight"].mask.to_tensor()
    assert torch.equal(torch.load(tmp_path / "out.pt", weights_only=True)["weight"], expected)
    with zipfile.ZipFile(tmp_path / "out.pt") as saved:
        assert [entry.filename for entry in saved.infolist()] == [name for name, _ in entries]
        assert {entry.compress_type for entry in saved.infolist()} == {zipfile.ZIP_DEFLATED}
        assert all(saved.read(name) == content for name, content in entries if "/data/" not in name)


def test_that_countless_views_of_one_storage_take_no_memory(tmp_path):
    base = torch.arange(20_000.0)
    torch.save({str(place): base[place] for place in range(20_000)}, tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "20000 tensors are views of one storage")


def test_that_an_absurd_shape_takes_no_memory(tmp_path):
    torch.save({"w": torch.ones(1).expand(2**40)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    assert checkpoint["w"].numel == 2**40
    with pytest.raises(PrunerError, match="w"):
        checkpoint.read("w")


def test_that_a_checkpoint_without_floats_opens_and_says_there_is_nothing_to_prune(tmp_path):
    torch.save({"ids": torch.arange(5), "none": torch.empty(0)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    with pytest.raises(PrunerError, match="nothing to prune"):
        pruner.Plan.match(checkpoint, {"i*": 0.5})
    torch.save({"epoch": 3}, tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "no weights")


@pytest.mark.parametrize("name", ["x" * 300 + ".pt", "nul\0byte.pt"])
def test_that_a_target_whose_name_cannot_be_used_is_refused(archive, tmp_path, name):
    checkpoint = pruner.open_checkpoint(archive)
    result = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"weight": 0.5}))
    with pytest.raises(PrunerError, match="Choose another"):
        pruner.save(checkpoint, result, tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == ["m.pt"]


@pytest.mark.parametrize("name", ["x" * 300 + ".pt", "nul\0byte.pt"])
def test_that_a_source_whose_name_cannot_be_used_is_refused(tmp_path, name):
    refused(tmp_path / name)


def test_that_a_damaged_pickle_says_what_to_do(archive):
    rewrite(archive, lambda entries: [(n, c[:30] if n.endswith("data.pkl") else c) for n, c in entries])
    refused(archive, "fetch or copy it again")
