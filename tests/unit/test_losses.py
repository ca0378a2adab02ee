"""What masks take of norms, beside torch."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from pruner import Mask, open_checkpoint
from pruner.losses import Loss, loss_of
from pruner.steps import finish


def measured(path: Path, values: torch.Tensor, kept: torch.Tensor) -> Loss:
    save_file({"w": values}, path)
    return finish(loss_of(open_checkpoint(path), "w", Mask.from_bools(kept.numpy())))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_that_the_share_of_both_norms_is_torchs(tmp_path, dtype):
    torch.manual_seed(0)
    values = torch.randn(1500, 1000).to(dtype)  # more than one chunk
    kept = values.abs() > 0.4
    loss = measured(tmp_path / "w.safetensors", values, kept)
    wide = values.double()
    for n in (1, 2):
        assert loss.share(n) == pytest.approx(1 - float((wide * kept).norm(n) / wide.norm(n)), rel=1e-6)


def test_that_a_small_loss_is_not_lost_in_rounding(tmp_path):
    values = torch.tensor([1.0, 1e-12])
    assert measured(tmp_path / "w.safetensors", values, values > 0.5).share(2) == pytest.approx(0.5e-24, rel=1e-6)


def test_that_what_is_not_finite_counts_for_nothing(tmp_path):
    values = torch.tensor([3.0, float("nan"), float("inf"), 4.0])
    loss = measured(tmp_path / "w.safetensors", values, torch.tensor([False, False, True, True]))
    assert (loss.share(1), loss.share(2)) == (3 / 7, pytest.approx(1 - 4 / 5))


def test_that_a_norm_of_zero_loses_nothing():
    assert Loss().share(1) == Loss().share(2) == 0


@given(st.lists(st.tuples(st.floats(-9, 9), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_that_losses_of_parts_add_up(elements):
    def loss(part: int | None) -> Loss:
        own = [(abs(value), gone) for value, gone, side in elements if part is None or side == part]
        gone = [value for value, is_gone in own if is_gone]
        squares = sum(value**2 for value, _ in own), sum(value**2 for value in gone)
        return Loss(sum(value for value, _ in own), sum(gone), *squares)

    together = loss(0) + loss(1)
    assert together.share(1) == pytest.approx(loss(None).share(1), abs=1e-9)
    assert together.share(2) == pytest.approx(loss(None).share(2), abs=1e-6)
    assert 0 <= together.share(2) <= 1
