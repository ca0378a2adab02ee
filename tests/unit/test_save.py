"""What is saved is what torch's own pruning gives, and all else stays."""

import errno
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner
from pruner import Cancelled, Plan, PrunerError
from tests.unit.test_open import sharded


class Net(nn.Module):
    """Layers of several kinds, one in another."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.rnn = nn.LSTM(4, 5)
        self.head = nn.Linear(5, 3)
        nn.init.normal_(self.features[1].weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        steps = self.features(images).flatten(2).permute(2, 0, 1)
        return self.head(self.rnn(steps)[0][-1])


PRUNED = (("features.0", "weight"), ("features.1", "weight"), ("head", "bias"), ("head", "weight"))


def pruned_by_torch(amount: float) -> Net:
    torch.manual_seed(0)
    net = Net().eval()
    for module, name in PRUNED:
        torch_prune.l1_unstructured(net.get_submodule(module), name, amount)
    return net


@pytest.fixture
def checkpoint(tmp_path: Path) -> pruner.Checkpoint:
    torch.manual_seed(0)
    torch.save(Net().eval().state_dict(), tmp_path / "net.pt")
    return pruner.open_checkpoint(tmp_path / "net.pt")


def prune(checkpoint: pruner.Checkpoint, amount: float = 0.3) -> pruner.Pruning:
    names = [f"{module}.{name}" for module, name in PRUNED]
    return pruner.prune(checkpoint, Plan.match(checkpoint, dict.fromkeys(names, amount)))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_that_the_masked_form_has_torchs_names_order_types_and_values(checkpoint, tmp_path, suffix):
    out = tmp_path / f"masked{suffix}"
    pruner.save(checkpoint, prune(checkpoint), out, "masked")
    expected = pruned_by_torch(0.3).state_dict()
    loaded = torch.load(out, weights_only=True) if suffix == ".pt" else load_file(out)
    order = list(pruner.open_checkpoint(out).tensors)
    # torch lists the masks of one module in the order of pruning; the checkpoint's order is that of its names.
    assert sorted(order) == sorted(expected)
    assert [name for name in order if not name.startswith("head")] == [n for n in expected if not n.startswith("head")]
    for name, value in expected.items():
        assert loaded[name].dtype == value.dtype
        assert torch.equal(loaded[name], value)


def test_that_the_masked_form_loads_strictly_and_gives_the_same_outputs(checkpoint, tmp_path):
    pruner.save(checkpoint, prune(checkpoint), tmp_path / "masked.pt", "masked")
    fresh = Net().eval()
    for module, name in PRUNED:
        torch_prune.identity(fresh.get_submodule(module), name)
    fresh.load_state_dict(torch.load(tmp_path / "masked.pt", weights_only=True), strict=True)
    images = torch.randn(2, 1, 6, 6)
    assert torch.equal(fresh(images), pruned_by_torch(0.3)(images))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_that_the_permanent_form_equals_torchs_remove(checkpoint, tmp_path, suffix):
    out = tmp_path / f"permanent{suffix}"
    pruner.save(checkpoint, prune(checkpoint), out)
    net = pruned_by_torch(0.3)
    for module, name in PRUNED:
        torch_prune.remove(net.get_submodule(module), name)
    loaded = load_file(out) if suffix == ".safetensors" else torch.load(out, weights_only=True)
    assert set(loaded) == set(net.state_dict())
    for name, value in net.state_dict().items():
        assert torch.equal(loaded[name], value), name
        assert not torch.any(torch.signbit(loaded[name]) & (loaded[name] == 0)), "permanent zeros are +0.0"


def test_that_only_pruned_bytes_and_their_checksums_differ_from_the_source(checkpoint, tmp_path):
    out = tmp_path / "permanent.pt"
    result = prune(checkpoint)
    pruner.save(checkpoint, result, out)
    before, after = (tmp_path / "net.pt").read_bytes(), out.read_bytes()
    assert len(before) == len(after)
    allowed = set()
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
    for name in result:
        info = checkpoint[name]
        first = info.storage.offset + info.span[0]
        allowed |= set(range(first, first + info.nbytes))
    crcs = {struct.pack("<I", entry.CRC) for entry in zipfile.ZipFile(tmp_path / "net.pt").infolist()}
    for place in (place for place in range(len(before)) if before[place] != after[place]):
        near_crc = any(before[start : start + 4] in crcs for start in range(place - 3, place + 1))
        assert place in allowed or near_crc, place
    assert torch.equal(
        torch.load(out, weights_only=True, mmap=True)["head.weight"], torch.load(out, weights_only=True)["head.weight"]
    )


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64, torch.complex64])
def test_that_all_types_are_saved_in_both_forms(tmp_path, suffix, dtype):
    torch.manual_seed(0)
    weight = torch.randn(20, 30).to(dtype)
    path = tmp_path / f"m{suffix}"
    torch.save({"weight": weight}, path) if suffix == ".pt" else save_file({"weight": weight}, path)
    checkpoint = pruner.open_checkpoint(path)
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"weight": 0.5}))
    kept = result["weight"].mask.to_tensor()
    for form in ("permanent", "masked"):
        for end in (".pt", ".safetensors"):
            out = tmp_path / f"{form}{end}"
            pruner.save(checkpoint, result, out, form)
            loaded = torch.load(out, weights_only=True) if end == ".pt" else load_file(out)
            if form == "permanent":
                expected = torch.where(kept, weight.to(torch.complex64), 0)
                assert torch.equal(loaded["weight"].to(torch.complex64), expected)
            else:
                assert torch.equal(loaded["weight_orig"].view(torch.uint8), weight.view(torch.uint8))
                assert loaded["weight_mask"].dtype == dtype
                assert torch.equal(loaded["weight_mask"].to(torch.complex64).real.bool(), kept)


def test_that_strided_tensors_are_patched_in_place(tmp_path):
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    tensors = {"t": base.t(), "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "b": torch.ones(3)}
    torch.save(tensors, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"t": 0.5, "last": 0.3}))
    pruner.save(checkpoint, result, tmp_path / "out.pt")
    loaded = torch.load(tmp_path / "out.pt", weights_only=True)
    for name in ("t", "last"):
        assert torch.equal(loaded[name], tensors[name] * result[name].mask.to_tensor())
        assert loaded[name].stride() == tensors[name].stride()
    assert torch.equal(loaded["b"], tensors["b"])


def test_that_what_stands_beside_the_weights_is_kept(tmp_path):
    module = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    content = {
        "epoch": 7,
        "opt": optimizer.state_dict(),
        "model": module.state_dict(),
        "names": ("a", "ä"),
        "big": 2**70,
    }
    torch.save(content, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"weight": 0.5}))
    for form in ("permanent", "masked"):
        pruner.save(checkpoint, result, tmp_path / "out.pt", form)
        loaded = torch.load(tmp_path / "out.pt", weights_only=True)
        assert (loaded["epoch"], loaded["names"], loaded["big"]) == (7, ("a", "ä"), 2**70)
        moments = loaded["opt"]["state"][0]["exp_avg"]
        assert torch.equal(moments, content["opt"]["state"][0]["exp_avg"])
        assert loaded["opt"]["param_groups"] == content["opt"]["param_groups"]
    assert list(loaded["model"]) == ["bias", "weight_orig", "weight_mask"]
    assert loaded["model"]._metadata == module.state_dict()._metadata


def test_that_a_set_of_shards_becomes_a_folder_with_the_same_shards(tmp_path):
    tensors = sharded(tmp_path / "set")
    checkpoint = pruner.open_checkpoint(tmp_path / "set")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"*": 0.5}))
    saved = pruner.save(checkpoint, result, tmp_path / "out")
    assert sorted(file.name for file in saved.path.iterdir()) == sorted(
        file.name for file in (tmp_path / "set").iterdir()
    )
    again = pruner.open_checkpoint(tmp_path / "out")
    for name, value in tensors.items():
        assert torch.equal(again.read(name), value * result[name].mask.to_tensor())
    pruner.save(checkpoint, result, tmp_path / "one.safetensors", "masked")
    assert len(load_file(tmp_path / "one.safetensors")) == 12


def test_that_tied_weights_have_the_same_zeros_in_every_container(tmp_path):
    weight = torch.randn(10, 4)
    torch.save({"a": weight, "b": weight}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    result = pruner.prune(checkpoint, Plan.match(checkpoint, {"a": 0.5}))
    for out in (tmp_path / "o.pt", tmp_path / "o.safetensors"):
        pruner.save(checkpoint, result, out)
        again = pruner.open_checkpoint(out)
        assert torch.equal(again.read("a"), again.read("b"))
        assert int((again.read("b") == 0).sum()) == 20


@pytest.mark.parametrize("spelling", ["same", "symlink", "hard link", "by way of another folder"])
def test_that_the_source_is_never_written_to(checkpoint, tmp_path, spelling):
    source = tmp_path / "net.pt"
    before = source.read_bytes()
    (tmp_path / "folder").mkdir()
    target = {
        "same": source,
        "symlink": tmp_path / "s.pt",
        "hard link": tmp_path / "h.pt",
        "by way of another folder": tmp_path / "folder" / ".." / "net.pt",
    }[spelling]
    if spelling == "symlink":
        target.symlink_to(source)
    elif spelling == "hard link":
        os.link(source, target)
    with pytest.raises(PrunerError, match="the source"):
        pruner.save(checkpoint, prune(checkpoint), target)
    assert source.read_bytes() == before


def test_that_an_existing_file_is_replaced_only_where_that_is_allowed(checkpoint, tmp_path):
    out = tmp_path / "out.pt"
    out.write_bytes(b"old")
    with pytest.raises(PrunerError, match="exists"):
        pruner.save(checkpoint, prune(checkpoint), out, overwrite=False)
    assert out.read_bytes() == b"old"
    pruner.save(checkpoint, prune(checkpoint), out)
    assert torch.load(out, weights_only=True)


@pytest.mark.parametrize("form", ["permanent", "masked"])
def test_that_a_cancelled_save_leaves_nothing(checkpoint, tmp_path, form):
    result, before = prune(checkpoint), sorted(tmp_path.iterdir())

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        pruner.save(checkpoint, result, tmp_path / "out.pt", form, progress=cancel)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are POSIX's")
@pytest.mark.parametrize("arguments", [["out.pt"], ["out.safetensors"], ["out.pt", "--form", "masked"]])
def test_that_a_full_disk_leaves_nothing_and_is_named(tmp_path, arguments):
    torch.save({"weight": torch.randn(100_000)}, tmp_path / "m.pt")
    code = (
        "import resource, signal, sys; from pruner.cli import main; import torch, numpy;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "sys.exit(main(['prune', 'm.pt', '--amount', 'weight=0.5', '-o', *sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", code, *arguments]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "nothing was saved" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["m.pt"]


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (PermissionError(errno.EACCES, "in use"), "another program has it open"),
        (OSError(errno.EROFS, "read-only"), "Save elsewhere"),
        (OSError(errno.EXDEV, "cross-device link"), "nothing was saved"),
        (OSError(errno.EIO, "bad disk"), "nothing was saved"),
    ],
)
def test_that_a_target_that_cannot_be_replaced_stays(checkpoint, tmp_path, monkeypatch, refusal, said):
    out = tmp_path / "out.pt"
    out.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())

    def refuse(*_):
        raise refusal

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PrunerError, match=said) as caught:
        pruner.save(checkpoint, prune(checkpoint), out)
    assert str(out) in str(caught.value)
    assert out.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["n" * 300 + ".pt", "m/" * 3 + "o.pt", "null\0.pt"])
def test_that_a_name_that_cannot_be_is_refused_before_any_work(checkpoint, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PrunerError, match=r"name|folder"):
        pruner.save(checkpoint, prune(checkpoint), tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_that_a_source_that_changed_is_noticed(checkpoint, tmp_path):
    result = prune(checkpoint)
    torch.save({"other": torch.ones(3)}, tmp_path / "net.pt")
    with pytest.raises(PrunerError, match="changed"):
        pruner.save(checkpoint, result, tmp_path / "out.pt")


def test_that_new_files_follow_the_umask(checkpoint, tmp_path):
    before = os.umask(0o027)
    try:
        pruner.save(checkpoint, prune(checkpoint), tmp_path / "out.pt")
    finally:
        os.umask(before)
    if sys.platform != "win32":
        assert (tmp_path / "out.pt").stat().st_mode & 0o777 == 0o640
