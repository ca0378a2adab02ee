"""Folders of torch.distributed.checkpoint: listed from the metadata, and put together."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

import pruner
from pruner.checkpoint import Piece
from pruner.distributed.patching import cut
from pruner.distributed.tiling import cover
from pruner.mask import Mask
from tests.unit.distributed_folders import (
    as_torch_loads,
    grid,
    handmade,
    loaded_into,
    rewritten,
    saved,
    two_tiles,
)
from tests.unit.test_open import STRANGE, every_dtype, holds, same


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
