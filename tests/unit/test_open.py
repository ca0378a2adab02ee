"""Opening lists what torch and safetensors would load."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import pruner

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64,
    torch.bool, torch.complex64, torch.complex128,
]  # fmt: skip
STRANGE = ["a b.weight", "a..b", ".", "ä.ö", "重み.値", "a/b\\c", "new\nline", "🪴.weight", "x" * 500, "__metadata"]


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    raw = [one.contiguous().reshape(-1).view(torch.uint8) for one in (a, b)]
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(*raw)


def holds(checkpoint: pruner.Checkpoint, expected: dict[str, torch.Tensor]) -> None:
    assert list(checkpoint.tensors) == list(expected)
    for name, tensor in expected.items():
        info = checkpoint[name]
        assert info.shape == tuple(tensor.shape)
        assert f"torch.{info.dtype}" == str(tensor.dtype)
        assert same(checkpoint.read(name), tensor), name
        chunks = list(checkpoint.chunks(name, 8))
        assert sum(chunk.numel() for chunk in chunks) == tensor.numel()
        if chunks:
            assert same(torch.cat([chunk.reshape(-1).view(torch.uint8) for chunk in chunks]),
                        tensor.contiguous().reshape(-1).view(torch.uint8))  # fmt: skip


def every_dtype() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    found = {}
    for dtype in DTYPES:
        bits = torch.randint(0, 2 if dtype == torch.bool else 256, (12 * dtype.itemsize,), dtype=torch.uint8)
        found[str(dtype)] = bits.view(dtype).reshape(3, 4)
    return found | {"scalar": torch.tensor(3.0), "empty": torch.empty(0, 3), "half": torch.ones(2, dtype=torch.float16)}


def test_that_every_dtype_of_torch_save_is_read(tmp_path):
    torch.save(every_dtype(), tmp_path / "m.pt")
    holds(pruner.open_checkpoint(tmp_path / "m.pt"), torch.load(tmp_path / "m.pt", weights_only=True))


def test_that_every_dtype_of_safetensors_is_read(tmp_path):
    tensors = {name: one for name, one in every_dtype().items() if one.dtype not in
               (torch.complex128, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz)}  # fmt: skip
    save_file(tensors, tmp_path / "m.safetensors")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.safetensors")
    holds(checkpoint, {name: tensors[name] for name in checkpoint.tensors})
    assert set(checkpoint.tensors) == set(tensors)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_that_names_may_be_strange(tmp_path, suffix):
    tensors = {name: torch.full((2,), float(place)) for place, name in enumerate(STRANGE)}
    path = tmp_path / f"m {suffix}"
    if suffix == ".pt":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)
    checkpoint = pruner.open_checkpoint(path)
    holds(checkpoint, {name: tensors[name] for name in checkpoint.tensors})
    assert set(checkpoint.tensors) == set(STRANGE)


def test_that_views_and_tied_tensors_are_read_and_reported(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {
        "whole": base, "tied": base, "row": base[2], "transposed": base.t(), "corner": base[1:3, 2:4],
        "last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "wide": torch.ones(1).expand(5),
    }  # fmt: skip
    torch.save(tensors, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    holds(checkpoint, tensors)
    assert checkpoint["whole"].shares_storage_with == ("tied", "row", "transposed", "corner")
    assert checkpoint.read("last").stride() == tensors["last"].stride()
    assert checkpoint["wide"].overlapping
    assert not checkpoint["transposed"].overlapping


def test_that_recurrent_weights_are_read(tmp_path):
    torch.manual_seed(0)
    module = nn.LSTM(5, 7, 2)
    torch.save(module.state_dict(), tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    holds(checkpoint, dict(module.state_dict()))
    assert {info.kind for info in checkpoint.tensors.values()} == {"parameter"}


def test_that_the_weights_in_a_training_checkpoint_are_found(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.randn(8, 3)).sum().backward()
    optimizer.step()
    content = {
        "epoch": 3, "optimizer_state_dict": optimizer.state_dict(), "ema": dict(module.state_dict()),
        "state_dict": module.state_dict(), "args": {"lr": 0.1},
    }  # fmt: skip
    torch.save(content, tmp_path / "m.ckpt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.ckpt")
    holds(checkpoint, dict(module.state_dict()))
    assert checkpoint.root == "state_dict"
    assert checkpoint.roots == ("state_dict", "ema")
    assert set(checkpoint.others) == {"epoch", "optimizer_state_dict", "ema", "args"}
    assert pruner.open_checkpoint(tmp_path / "m.ckpt", root="ema").root == "ema"
    with pytest.raises(pruner.PrunerError, match="“ema”"):
        pruner.open_checkpoint(tmp_path / "m.ckpt", root="wrong")


def test_that_kinds_are_told_by_well_known_names(tmp_path):
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict(), tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    kinds = {name: info.kind for name, info in checkpoint.tensors.items()}
    assert kinds["0.weight"] == kinds["1.bias"] == "parameter"
    assert kinds["1.running_mean"] == kinds["1.num_batches_tracked"] == "buffer"
    assert [module.name for module in checkpoint.modules] == ["0", "1"]


def test_that_a_pickled_module_opens_without_its_source_code(tmp_path):
    (tmp_path / "gone.py").write_text(
        textwrap.dedent("""
        import torch
        class Block(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv2d(2, 3, 3)
                self.register_buffer("scale", torch.ones(3))
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.block = Block()
                self.head = torch.nn.Linear(3, 2, bias=False)
        if __name__ == "__main__":
            import gone
            torch.manual_seed(0)
            net = gone.Net()
            torch.save(net, "net.pt")
            torch.save(net.state_dict(), "state.pt")
    """)
    )
    subprocess.run([sys.executable, "gone.py"], cwd=tmp_path, check=True)
    (tmp_path / "gone.py").unlink()
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    holds(checkpoint, torch.load(tmp_path / "state.pt", weights_only=True))
    assert {module.name: module.type for module in checkpoint.modules} == {
        "": "gone.Net", "block": "gone.Block", "block.conv": "torch.nn.modules.conv.Conv2d",
        "head": "torch.nn.modules.linear.Linear",
    }  # fmt: skip
    assert checkpoint["block.scale"].kind == "buffer"
    assert checkpoint["block.conv.weight"].kind == "parameter"


def sharded(folder: Path) -> dict[str, torch.Tensor]:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    tensors = {f"layers.{place}.weight": torch.randn(4, 5) for place in range(6)}
    weight_map = {}
    for shard in range(3):
        name = f"model-{shard + 1:05}-of-00003.safetensors"
        part = dict(list(tensors.items())[2 * shard : 2 * shard + 2])
        save_file(part, folder / name, {"format": "pt"})
        weight_map.update(dict.fromkeys(part, name))
    index = {"metadata": {"total_size": 480}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return tensors


@pytest.mark.parametrize("opened", ["", "model.safetensors.index.json", "model-00002-of-00003.safetensors"])
def test_that_a_set_of_shards_opens_by_its_folder_its_index_or_any_shard(tmp_path, opened):
    tensors = sharded(tmp_path / "set")
    checkpoint = pruner.open_checkpoint(tmp_path / "set" / opened)
    holds(checkpoint, tensors)
    assert len(checkpoint.files) == 4


def test_that_opening_needs_no_torch(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "m.pt")
    code = "from pruner.cli import main; main(['inspect', 'm.pt', '--json'])"
    code += "; import sys; print(*sys.modules, file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout)["tensors"][0]["name"] == "weight"
    assert "torch" not in found.stderr.split()
