"""Exact values of rectangles of tensors, and arrays and texts made of them, against torch's own indexing."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import pruner
from pruner import Mask
from pruner.errors import Cancelled
from pruner.grid import Grid
from pruner.page import Sheet
from pruner.pyramid import Area
from pruner.save_array import array_dtype, save_array
from pruner.steps import finish
from tests.unit.oracles import FLOAT8, FLOATS, SIGNED, UNSIGNED, values_of

DTYPES = (*FLOATS, *FLOAT8, *SIGNED, *UNSIGNED, torch.bool, torch.complex64, torch.complex128)
SHAPES = [(), (1,), (7,), (64,), (1, 33), (33, 1), (9, 14), (6, 5, 3, 3), (16, 12, 1, 1), (3, 4, 50), (2, 3, 4, 5, 6)]


def sheet_of(path: Path, values: torch.Tensor, kept: torch.Tensor | None = None) -> Sheet:
    torch.save({"w": values}, path)
    mask = None if kept is None else Mask.from_bools(kept.contiguous().numpy())
    return Sheet.of(pruner.open_checkpoint(path), "w", mask)


def bits(values: torch.Tensor) -> torch.Tensor:
    """The elements' bytes, to compare NaN and −0 as well."""
    return values.contiguous().reshape(-1).view(torch.uint8)


def widened(values: torch.Tensor) -> np.ndarray:
    lacking = values.dtype == torch.bfloat16 or values.dtype in FLOAT8
    return (values.float() if lacking else values).contiguous().numpy()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_that_any_rectangle_has_the_elements_of_its_indices(tmp_path_factory, data):
    shape, dtype = data.draw(st.sampled_from(SHAPES)), data.draw(st.sampled_from(DTYPES))
    turned = data.draw(st.permutations(range(len(shape))))
    base = values_of(torch.int16, [shape[place] for place in turned], 3).to(dtype)
    values = base.permute([turned.index(place) for place in range(len(shape))]) if shape else base
    assert values.shape == shape
    kept = torch.rand(shape) < 0.5
    sheet = sheet_of(tmp_path_factory.mktemp("w") / "m.pt", values, kept)
    grid = sheet.grid
    top, left = data.draw(st.integers(0, grid.rows - 1)), data.draw(st.integers(0, grid.columns - 1))
    area = Area(top, left, data.draw(st.integers(top + 1, grid.rows)), data.draw(st.integers(left + 1, grid.columns)))
    size = data.draw(st.sampled_from((1, 8, 40, 1 << 18)))
    before, after, mask = (
        np.concatenate([part for part in sheet.parts(area, state, size) if part is not None])
        for state in ("before", "after", "mask")
    )
    expected = widened(values)
    for row in range(area.rows):
        for column in range(area.columns):
            flat = grid.flat(area.top + row, area.left + column)
            if flat is not None:
                index = grid.index(flat)
                np.testing.assert_equal(before[row, column], expected[index])
                assert mask[row, column] == kept[index]
                np.testing.assert_equal(after[row, column], expected[index] if kept[index] else 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_that_the_names_of_a_row_and_a_column_are_together_the_index(shape):
    grid = Grid.of(shape)
    for flat in range(grid.numel):
        row, column = divmod(flat, grid.columns)
        index = tuple(int(part) for part in np.unravel_index(flat, shape)) if shape else ()
        assert grid.index(flat) == index
        if grid.folded:
            assert int(grid.column_name(column)) == column
        else:
            assert f"{grid.row_name(row)}, {grid.column_name(column)}" == ", ".join(map(str, index))


def test_that_a_table_has_no_more_columns_than_a_line_of_half_a_billion_needs():
    for shape in ((500_000_000,), (1, 500_000_000), (500_000_000, 1), (10, 50_000_000)):
        grid = Grid.of(shape)
        assert (grid.columns, grid.rows) == (10, 50_000_000)
        assert grid.index(499_999_999) == tuple(size - 1 for size in shape)


@pytest.mark.parametrize("state", ["before", "after", "mask"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_that_a_saved_array_is_what_numpy_loads(tmp_path, dtype, state):
    values = values_of(dtype, (6, 5, 3, 3), 1) if dtype != torch.bool else torch.rand(6, 5, 3, 3) < 0.5
    kept = torch.rand(6, 5, 3, 3) < 0.5
    sheet = sheet_of(tmp_path / "m.pt", values, kept)
    nbytes = save_array(sheet, state, tmp_path / "w.npy")
    found = np.load(tmp_path / "w.npy")
    expected = {"before": widened(values), "after": np.where(kept, widened(values), 0), "mask": kept.numpy()}[state]
    assert nbytes == (tmp_path / "w.npy").stat().st_size
    assert found.dtype == array_dtype(sheet, state)
    assert found.shape == values.shape
    assert np.array_equal(found, expected, equal_nan=state != "mask" and found.dtype.kind in "fc")


@pytest.mark.parametrize("deflated", [False, True])
def test_that_large_tensors_are_saved_in_pieces_from_any_order_and_packing(tmp_path, deflated):
    values = torch.randn(700, 900).T
    torch.save({"w": values}, tmp_path / "m.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "m.pt")
    if deflated:
        np.savez_compressed(tmp_path / "p.npz", w=values.numpy())
        checkpoint = pruner.open_checkpoint(tmp_path / "p.npz")
        assert checkpoint["w"].storage.deflated is not None
    sheet = Sheet.of(checkpoint, "w")
    told = []
    save_array(sheet, "before", tmp_path / "w.npy", progress=lambda *state: told.append(state))
    assert np.array_equal(np.load(tmp_path / "w.npy"), values.numpy())
    assert told[-1] == (values.numel() * 4, values.numel() * 4, "w")
    save_array(sheet, "before", tmp_path / "part.npy", area=Area(500, 20, 777, 30))
    assert np.array_equal(np.load(tmp_path / "part.npy"), values[500:777, 20:30].numpy())


def test_that_the_source_is_never_written_to_and_cancelling_leaves_nothing(tmp_path):
    np.save(tmp_path / "w.npy", np.arange(6.0))
    sheet = Sheet.of(pruner.open_checkpoint(tmp_path / "w.npy"), "tensor")
    with pytest.raises(pruner.PrunerError, match="source itself"):
        save_array(sheet, "before", tmp_path / "w.npy")

    def stop(*_state: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        save_array(sheet, "before", tmp_path / "other.npy", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]


@pytest.mark.parametrize("dtype", [*DTYPES, torch.complex32], ids=str)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_that_the_python_text_evaluates_to_the_same_tensor(tmp_path, dtype):
    from app.values_copy import text_of

    for shape in ((), (23,), (5, 8), (4, 3, 3, 3)):
        values = torch.randn(shape) < 0 if dtype == torch.bool else values_of(dtype, shape, 5)
        sheet = sheet_of(tmp_path / "m.pt", values)
        found = eval(finish(text_of(sheet, sheet.grid.whole, "before", "Python")), {"torch": torch})
        assert (found.dtype, found.shape) == (dtype, values.shape)
        nan = values.isnan() if dtype.is_floating_point or dtype.is_complex else torch.zeros(shape, dtype=torch.bool)
        ours = found.isnan() if dtype.is_floating_point or dtype.is_complex else nan
        assert torch.equal(nan, ours)
        if not dtype.is_complex:
            assert torch.equal(bits(found[~nan]), bits(values[~nan]))
        else:
            assert torch.equal(bits(torch.view_as_real(found)[~nan]), bits(torch.view_as_real(values)[~nan]))


@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_that_any_float_is_read_back_from_the_text(tmp_path_factory, numbers):
    from app.values_copy import text_of

    folder = tmp_path_factory.mktemp("t")
    save_file({"w": torch.tensor(numbers, dtype=torch.float32)}, folder / "m.safetensors")
    sheet = Sheet.of(pruner.open_checkpoint(folder / "m.safetensors"), "w")
    rows = finish(text_of(sheet, sheet.grid.whole, "before", "text")).splitlines()
    found = [float(word) for row in rows for word in row.split("\t")]
    assert len(found) == len(numbers)
    for one, other in zip(found, numbers, strict=True):
        assert (math.isnan(one) and math.isnan(other)) or (np.float32(one), math.copysign(1, one)) == (
            np.float32(other),
            math.copysign(1, other),
        )
