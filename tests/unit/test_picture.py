"""Pictures are true at every scale."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner import Mask
from pruner.picture import Layout, Picture, picture
from pruner.summaries import figures, histogram


def run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def draw(path, values: torch.Tensor, kept: torch.Tensor, pixels: int) -> Picture:
    torch.save({"w": values}, path)
    return run(picture(pruner.open_checkpoint(path), "w", Mask.from_bools(kept.numpy()), pixels))


@given(st.lists(st.integers(1, 6), max_size=5))
@settings(deadline=None)
def test_that_each_element_has_one_place(shape):
    layout = Layout.of(tuple(shape))
    places = [layout.index(row, column) for row in range(layout.rows) for column in range(layout.columns)]
    found = [place for place in places if place is not None]
    assert len(found) == len(set(found)) == math.prod(shape)
    assert set(found) == set(np.ndindex(*shape))


def masks(rows: int, columns: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    single = torch.zeros(rows, columns, dtype=torch.bool)
    single[rows // 3, columns // 2] = True
    pattern = torch.tensor([True, True, False, False]).repeat(rows, columns // 4 + 1)[:, :columns]
    return {
        "random": torch.rand(rows, columns) < 0.3,
        "2:4": pattern,
        "single": single,
        "diagonal": torch.eye(rows, columns, dtype=torch.bool),
        "every 8th column": torch.arange(columns).expand(rows, columns) % 8 != 0,
    }


@pytest.mark.parametrize("pixels", [7, 64, 100])
@pytest.mark.parametrize("name", masks(8, 8))
def test_that_the_drawn_density_is_the_computed_one(tmp_path, name, pixels):
    kept = masks(300, 515)[name]
    values = torch.randn(300, 515)
    drawn = draw(tmp_path / "m.pt", values, kept, pixels)
    high, wide = drawn.block
    assert max(drawn.density.shape) <= pixels
    for row in range(drawn.density.shape[0]):
        for column in range(drawn.density.shape[1]):
            area = (slice(row * high, (row + 1) * high), slice(column * wide, (column + 1) * wide))
            assert drawn.density[row, column] == pytest.approx(float(kept[area].float().mean()), abs=1 / 512)
            block = values[area].flatten()
            assert abs(drawn.before[row, column]) == pytest.approx(float(block.abs().max()))
    if name == "single":
        assert (drawn.density > 0).sum() == 1, "a single kept element is visible"


@pytest.mark.parametrize("shape", [(), (5,), (1000,), (4, 6), (3, 2, 5), (4, 3, 2, 5), (2, 3, 2, 2, 3), (1, 70)])
def test_that_every_element_is_drawn_where_the_layout_says(tmp_path, shape):
    values = torch.randn(shape)
    kept = torch.rand(shape) < 0.5
    drawn = draw(tmp_path / "m.pt", values, kept, 1024)
    for row in range(drawn.layout.rows):
        for column in range(drawn.layout.columns):
            index = drawn.layout.index(row, column)
            if index is None:
                assert np.isnan(drawn.density[row, column])
            else:
                assert drawn.before[row, column] == values[index]
                assert drawn.density[row, column] == kept[index]
                assert drawn.after[row, column] == values[index] * kept[index]


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
    counted = run(histogram(checkpoint, "w", mask, float(values.double().abs().max())))
    assert int(counted.kept.sum()) + counted.zeros == int(kept.sum())
    assert int(counted.pruned.sum()) + counted.zeros_pruned == int((~kept).sum())


def test_that_nan_and_infinity_are_counted_and_left_out(tmp_path):
    torch.save({"w": torch.tensor([1.0, float("nan"), float("-inf"), 3.0])}, tmp_path / "m.pt")
    found = figures(pruner.open_checkpoint(tmp_path / "m.pt"), "w")
    assert (found.nan, found.inf, found.minimum, found.maximum, found.mean) == (1, 1, 1.0, 3.0, 2.0)
