"""Pictures are true at every scale."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner import Mask
from pruner.picture import picture
from pruner.pyramid import Layout
from pruner.steps import finish
from pruner.summaries import figures, histogram


@given(st.lists(st.integers(1, 6), max_size=5))
@settings(deadline=None)
def test_that_each_element_has_one_place(shape):
    layout = Layout.of(tuple(shape))
    places = [layout.index(row, column) for row in range(layout.rows) for column in range(layout.columns)]
    found = [place for place in places if place is not None]
    assert len(found) == len(set(found)) == math.prod(shape)
    assert set(found) == set(np.ndindex(*shape))


def test_that_a_picture_is_made_once_and_again_for_another_mask(tmp_path):
    torch.save({"w": torch.randn(100, 70)}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    mask = Mask.from_bools(np.eye(100, 70, dtype=bool))
    first, again = (finish(picture(checkpoint, "w", mask)) for _ in range(2))
    assert first.pyramid is again.pyramid
    assert finish(picture(checkpoint, "w", None)).pyramid is not first.pyramid
    assert first.tile(first.layout.whole, 1).density.sum() == 70
    assert first.limit == float(checkpoint.read("w").abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.int64, torch.float8_e4m3fn])
def test_that_figures_and_histogram_agree_with_torch(tmp_path, dtype):
    torch.manual_seed(0)
    values = (torch.randn(40, 50) * 10).to(dtype)
    kept = torch.rand(40, 50) < 0.7
    torch.save({"w": values}, tmp_path / "m.pt")
    checkpoint, mask = pruner.open_checkpoint(tmp_path / "m.pt"), Mask.from_bools(kept.numpy())
    left = torch.where(kept, values.double(), 0.0)
    found = figures(checkpoint, "w", mask)
    assert (found.numel, found.pruned, found.zeros) == (2000, int((~kept).sum()), int((left == 0).sum()))
    for name, expected in (
        ("minimum", left.min()), ("maximum", left.max()), ("mean", left.mean()), ("std", left.std()),
        ("l1", left.abs().sum()), ("l2", left.norm()),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(float(expected), rel=1e-9), name
    counted = finish(histogram(checkpoint, "w", mask, float(values.double().abs().max())))
    assert int(counted.kept.sum()) + counted.zeros == int(kept.sum())
    assert int(counted.pruned.sum()) + counted.zeros_pruned == int((~kept).sum())


def test_that_nan_and_infinity_are_counted_and_left_out(tmp_path):
    torch.save({"w": torch.tensor([1.0, float("nan"), float("-inf"), 3.0])}, tmp_path / "m.pt")
    found = figures(pruner.open_checkpoint(tmp_path / "m.pt"), "w")
    assert (found.nan, found.inf, found.minimum, found.maximum, found.mean) == (1, 1, 1.0, 3.0, 2.0)
