"""Compressed saving: deflated entries that every reader of zip archives and torch itself read."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import pruner
from pruner import Plan, PrunerError
from pruner.doctor import examine, repaired, united
from pruner.estimate import Weight, dense_bytes, weigh_all
from pruner.progress import Meter
from pruner.zips.deflate import BLOCK, deflated
from pruner.zips.directory import read_entries
from pruner.zips.writing import ZipWriter
from tests.unit.containers import CONTAINERS, net

DEFLATING = ["torch_zip", "torch_zip of a module", "torch_script", "torch_package", "npz"]
ELEMENTS = 700_000


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    weights = {"a": torch.randn(ELEMENTS), "b": torch.randn(ELEMENTS // 2).bfloat16(), "noise": _noise(300_000)}
    torch.save({"state_dict": weights, "optimizer": {"m": torch.zeros(200_000)}, "epoch": 3}, tmp_path / "dense.pt")
    return tmp_path / "dense.pt"


def _noise(nbytes: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, nbytes, dtype=np.uint8))


def pruned(checkpoint: pruner.Checkpoint, amount: float = 0.7) -> pruner.Pruning:
    names = [name for name, info in checkpoint.tensors.items() if info.dtype_info.family == "float"]
    return pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(names, amount)), device="cpu")


@given(
    st.lists(st.binary(max_size=3000), max_size=8),
    st.integers(0, 2 * BLOCK + 3),
    st.integers(1, 3),
    st.sampled_from(["zeros", "noise"]),
)
@settings(max_examples=25, deadline=None)
def test_that_joined_blocks_inflate_to_what_was_deflated(small, large, threads, kind):
    long = bytes(large) if kind == "zeros" else np.random.default_rng(large).bytes(large)
    parts = [*small, long, *small]
    stream = b"".join(deflated(parts, threads))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    assert inflater.decompress(stream) == b"".join(parts)
    assert inflater.eof
    assert not inflater.unused_data


def test_that_a_buffer_that_is_used_again_is_deflated_as_it_was():
    room = bytearray(BLOCK // 2 + 1)

    def parts():
        for value in range(7):
            room[:] = bytes([value]) * len(room)
            yield memoryview(room)

    wanted = b"".join(bytes([value]) * len(room) for value in range(7))
    assert zlib.decompress(b"".join(deflated(parts(), 2)), -zlib.MAX_WBITS) == wanted


def test_that_a_compressed_file_loads_in_torch_with_the_same_values_and_all_else(dense, tmp_path):
    checkpoint = pruner.open_checkpoint(dense)
    result = pruned(checkpoint)
    saved = pruner.save(checkpoint, result, tmp_path / "out.pt", compress=True)
    loaded, source = torch.load(saved.path, weights_only=True), torch.load(dense, weights_only=True)
    for name in ("a", "b"):
        mask = result[name].mask.to_tensor()
        assert torch.equal(loaded["state_dict"][name], source["state_dict"][name].masked_fill(~mask, 0))
        bits = loaded["state_dict"][name].view(torch.int32 if name == "a" else torch.int16)
        assert not bits[~mask].any(), "zeros are +0.0"
    assert torch.equal(loaded["state_dict"]["noise"], source["state_dict"]["noise"])
    assert torch.equal(loaded["optimizer"]["m"], source["optimizer"]["m"])
    assert loaded["epoch"] == 3
    assert saved.nbytes < 0.40 * dense.stat().st_size + 300_000
    with zipfile.ZipFile(saved.path) as archive:
        assert archive.testzip() is None


def test_that_what_does_not_become_smaller_stays_as_it_is_where_torch_can_map_it(dense, tmp_path):
    checkpoint = pruner.open_checkpoint(dense)
    saved = pruner.save(checkpoint, pruned(checkpoint), tmp_path / "out.pt", compress=True)
    entries = {entry.size: entry for entry in read_entries(saved.path).values()}
    noise = entries[300_000]
    assert noise.method == zipfile.ZIP_STORED
    assert noise.offset % 64 == 0
    assert entries[4 * ELEMENTS].method == zipfile.ZIP_DEFLATED


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:TypedStorage:UserWarning")
@pytest.mark.parametrize("kind", DEFLATING)
def test_that_every_zip_container_loads_compressed_in_its_own_library(tmp_path, kind):
    container = CONTAINERS[kind]
    source, out = tmp_path / f"net{container.suffix}", tmp_path / f"out{container.suffix}"
    container.make(net(), source)
    checkpoint = pruner.open_checkpoint(source)
    name = "head.weight"
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {f"*{name}": 0.5}), device="cpu")
    pruner.save(checkpoint, result, out, compress=True)
    key = next(iter(result))
    before, after = container.load(source), container.load(out)
    assert list(after) == list(before)
    for other, value in before.items():
        expected = value * result[key].mask.to_tensor() if other.endswith(name) else value
        assert torch.equal(after[other], expected)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert any(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())


def test_that_a_legacy_file_is_compressed_as_todays_container(tmp_path):
    torch.save({"w": torch.randn(50_000)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    checkpoint = pruner.open_checkpoint(tmp_path / "old.pt")
    saved = pruner.save(checkpoint, pruned(checkpoint, 0.9), tmp_path / "out.pt", compress=True)
    assert saved.format == "torch_zip"
    assert saved.nbytes < 0.2 * 200_000
    assert int((torch.load(saved.path, weights_only=True)["w"] == 0).sum()) == 45_000


def test_that_shards_are_compressed_too(dense, tmp_path):
    checkpoint = pruner.open_checkpoint(dense)
    folder = tmp_path / "shards.pt"
    pruner.save(checkpoint, pruned(checkpoint), folder, shard_bytes=3_000_000, compress=True)
    again = pruner.open_checkpoint(folder)
    assert int((again.read("a") == 0).sum()) == round(0.7 * ELEMENTS)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 0.45 * dense.stat().st_size


def test_that_safetensors_is_told_to_have_no_compression(tmp_path):
    save_file({"w": torch.randn(10)}, tmp_path / "w.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "w.safetensors")
    with pytest.raises(PrunerError, match=r"safetensors has no compression.*\.pt"):
        pruner.save(checkpoint, pruned(checkpoint), tmp_path / "out.safetensors", compress=True)
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("dtype", "marks"),
    [(torch.float32, {50: 0.54, 70: 0.36, 90: 0.14}), (torch.bfloat16, {50: 0.50, 70: 0.33, 90: 0.14})],
)
def test_that_pruned_normal_numbers_shrink_as_far_as_is_promised_and_the_sample_says_so(tmp_path, dtype, marks):
    torch.manual_seed(0)
    torch.save({"w": torch.randn(1_000_000).to(dtype)}, tmp_path / "w.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "w.pt")
    for percent, mark in marks.items():
        result = pruned(checkpoint, percent / 100)
        told = next(filter(None, weigh_all(checkpoint, result, tmp_path / "out.pt", ["permanent"], compress=True)))
        saved = pruner.save(checkpoint, result, tmp_path / "out.pt", compress=True)
        assert saved.nbytes <= mark * 1_000_000 * dtype.itemsize
        assert told["permanent"].sampled
        assert told["permanent"].nbytes == pytest.approx(saved.nbytes, rel=0.02)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_that_uncompressed_forms_weigh_what_was_counted(dense, tmp_path, suffix):
    checkpoint = pruner.open_checkpoint(dense)
    result = pruned(checkpoint)
    out = tmp_path / f"out{suffix}"
    forms = ["permanent", "masked", "masks", "reversible"]
    for form, told in zip(forms, filter(None, weigh_all(checkpoint, result, out, forms)), strict=True):
        saved = pruner.save(checkpoint, result, out, form)
        assert isinstance(told[form], Weight)
        assert told[form].nbytes == pytest.approx(saved.nbytes, abs=6000)


@pytest.mark.parametrize(("suffix", "compress"), [(".pt", False), (".pt", True), (".safetensors", False)])
def test_that_a_repaired_checkpoint_weighs_what_is_left_of_it(dense, tmp_path, suffix, compress):
    before = pruner.open_checkpoint(dense)
    masked = pruner.save(before, pruned(before), tmp_path / "m.pt", "masked")
    source = pruner.open_checkpoint(masked.path)
    repairs = [one.repair for one in examine(source) if one.check == "renamed_keys"]
    checkpoint, result = repaired(source, united(repairs))
    out = tmp_path / f"out{suffix}"
    forms = ["permanent", "masked", "masks", "reversible"]
    for form, told in zip(
        forms, filter(None, weigh_all(checkpoint, result, out, forms, compress=compress)), strict=True
    ):
        saved = pruner.save(checkpoint, result, out, form, compress=compress)
        assert told[form].nbytes == pytest.approx(saved.nbytes, abs=6000, rel=0.03 if compress else 0)


def test_that_a_source_that_is_compressed_and_reversible_is_weighed_beside_the_dense_file(dense, tmp_path):
    checkpoint = pruner.open_checkpoint(dense)
    middle = pruner.save(checkpoint, pruned(checkpoint), tmp_path / "middle.pt", "reversible", compress=True)
    again = pruner.open_checkpoint(middle.path)
    assert dense_bytes(again) == pytest.approx(dense.stat().st_size, abs=6000)
    result, out = pruner.stored_pruning(again), tmp_path / "out.pt"
    told = next(filter(None, weigh_all(again, result, out, ["permanent"])))
    assert told["permanent"].nbytes == pytest.approx(pruner.save(again, result, out).nbytes, rel=0.05)


def test_that_an_archive_with_entries_beyond_4_gib_is_written_by_the_rules(tmp_path):
    length = (1 << 32) + 4096
    zeros = memoryview(bytes(1 << 24))

    def parts():
        yield from (zeros[: min(len(zeros), length - start)] for start in range(0, length, len(zeros)))

    with ZipWriter(tmp_path / "large.zip", Meter(0, None)) as archive:
        archive.add("first", 5, lambda: [b"first"], "")
        archive.add("large", length, parts, "", packed=True)
        archive.add("last", 4, lambda: [b"last"], "")
    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        assert archive.read("last") == b"last"
        assert archive.getinfo("large").file_size == length
    assert read_entries(tmp_path / "large.zip")["large"].size == length


def test_that_archives_of_many_entries_have_a_wide_directory(tmp_path):
    with ZipWriter(tmp_path / "many.zip", Meter(0, None)) as archive:
        for number in range(70_000):
            archive.add(f"é{number}", 1, lambda: [b"x"], "")
    with zipfile.ZipFile(tmp_path / "many.zip") as archive:
        assert len(archive.namelist()) == 70_000
        assert archive.read("é69999") == b"x"
    assert struct.pack("<4s", b"PK\x06\x06") in (tmp_path / "many.zip").read_bytes()[-200:]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_that_files_have_the_mode_that_the_umask_allows(dense, tmp_path, mask):
    checkpoint = pruner.open_checkpoint(dense)
    result = pruned(checkpoint)
    before = os.umask(mask)
    try:
        for out in ("out.pt", "out.safetensors", "masks.safetensors"):
            pruner.save(checkpoint, result, tmp_path / out, "masks" if out.startswith("masks") else "permanent")
        pruner.save(checkpoint, result, tmp_path / "shards", shard_bytes=2_000_000)
    finally:
        os.umask(before)
    for file in [*tmp_path.glob("*.safetensors"), tmp_path / "out.pt", *(tmp_path / "shards").iterdir()]:
        assert file.stat().st_mode & 0o777 == 0o666 & ~mask
