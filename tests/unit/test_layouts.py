"""Layouts: every element has its place in each of them, and every level of each is what brute force says."""

import math
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner import Mask
from pruner.pyramid import Area, Bands, Grid, Layout, Line, Plane, build, tile
from pruner.steps import finish
from tests.unit.distributed_folders import grid, handmade
from tests.unit.test_pyramid import check, in_plane, masks


def layouts(shape: tuple[int, ...]) -> dict[str, Layout]:
    """One of each kind for a shape of two or more dimensions."""
    places = tuple(size // 2 for size in shape)
    grids = {"filters": Grid.filters(shape), "turned": Grid.filters(shape, turned=True)}
    if len(shape) > 2:
        grids |= {"slice": Grid.slices(shape, 0, 1, places), "slice of the last": Grid.slices(shape, 2, 0, places)}
    return {**grids, **{f"{name} in bands": Bands.over(one) for name, one in grids.items()}}


def plane_of(path, values: torch.Tensor, kept: torch.Tensor, layout: Layout) -> Plane:
    torch.save({"w": values}, path)
    return Plane.of(pruner.open_checkpoint(path), "w", Mask.from_bools(kept.contiguous().numpy()), layout)


def check_levels(plane: Plane, values: torch.Tensor, kept: torch.Tensor, area: Area | None = None) -> None:
    """Compare each level with brute force."""
    pyramid = finish(build(plane))
    numbers, mask = in_plane(plane.layout, values, math.nan), in_plane(plane.layout, kept, -1)
    block = 1
    while block <= pyramid.coarsest:
        check(tile(plane, pyramid, area or plane.layout.whole, block), numbers, mask)
        block *= 2


@given(st.lists(st.integers(1, 13), min_size=2, max_size=5), st.data())
@settings(deadline=None, max_examples=40)
def test_that_each_element_of_a_layout_has_one_place(sizes, data):
    shape = tuple(sizes)
    layout = data.draw(st.sampled_from([*layouts(shape).values(), Line.of(shape, 7)]))
    places = {}
    for row in range(layout.rows):
        for column in range(layout.columns):
            flat = layout.flat(row, column)
            if flat is not None:
                places[flat] = row, column
                assert np.ravel_multi_index(layout.index(row, column), shape) == flat
    assert len(places) == layout.held
    assert all(layout.place(flat) == place for flat, place in places.items())
    counted = layout.elements(layout.whole, 1)
    assert {tuple(place) for place in np.argwhere(counted == 1)} == set(places.values())
    flat = data.draw(st.integers(0, math.prod(shape) - 1))
    there = layout.holding(flat)
    assert there.flat(*there.place(flat)) == flat


SHAPES = [(3, 90), (20, 3, 5), (9, 5, 3, 3), (2, 3, 2, 4, 3)]
KINDS = [(shape, kind) for shape in SHAPES for kind in layouts(shape)]


@pytest.mark.parametrize(("shape", "kind"), KINDS)
def test_that_every_kind_of_layout_is_true_at_every_level(tmp_path, shape, kind):
    torch.manual_seed(0)
    values, kept = torch.randn(shape), torch.rand(shape) < 0.5
    check_levels(plane_of(tmp_path / "m.pt", values, kept, layouts(shape)[kind]), values, kept)


@pytest.mark.parametrize("name", masks(8, 8))
def test_that_masks_of_every_pattern_are_true_in_bands(tmp_path, name):
    kept = masks(90, 6)[name]
    values = torch.randn(90, 6)
    check_levels(plane_of(tmp_path / "m.pt", values, kept, Bands.over(Grid.filters((90, 6)))), values, kept)
    wide = plane_of(tmp_path / "w.pt", values.T, kept.T, Bands.over(Grid.filters((6, 90))))
    check_levels(wide, values.T, kept.T)


@pytest.mark.parametrize("kind", layouts((8, 6, 3, 3)))
def test_that_any_area_of_a_layout_is_true_from_any_kind_of_file(tmp_path, monkeypatch, kind):
    import pruner.pyramid.builder as building

    monkeypatch.setattr(building, "_TILE", 500)
    shape = (40, 6, 3, 3)
    values, kept = torch.randn(shape), torch.rand(shape) < 0.4
    layout = layouts(shape)[kind]
    area = Area(layout.rows // 3, layout.columns // 4, layout.rows, layout.columns - layout.columns // 5)
    plane = plane_of(tmp_path / "m.pt", values, kept, layout)
    check_levels(plane, values, kept, area)
    last = values.to(memory_format=torch.channels_last)
    check_levels(plane_of(tmp_path / "l.pt", last, kept, layout), values, kept, area)
    with zipfile.ZipFile(tmp_path / "m.pt") as source, zipfile.ZipFile(tmp_path / "d.pt", "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    check_levels(Plane.of(pruner.open_checkpoint(tmp_path / "d.pt"), "w", plane.mask, layout), values, kept, area)
    handmade(tmp_path / "p", {"w": (values, grid(shape, (2, 2, 1, 1)))}, 3)
    check_levels(Plane.of(pruner.open_checkpoint(tmp_path / "p"), "w", plane.mask, layout), values, kept, area)


@pytest.mark.parametrize("kind", ["filters", "slice", "turned in bands"])
def test_that_the_mean_of_a_block_is_the_mean_of_its_elements(tmp_path, kind):
    torch.manual_seed(1)
    shape = (30, 3, 5, 3)
    values, kept = torch.randn(shape), torch.rand(shape) < 0.3
    values[3, 1, 2, 1], values[4, 0, 2, 1] = math.nan, math.inf
    layout = layouts(shape)[kind]
    plane = plane_of(tmp_path / "m.pt", values, kept, layout)
    pyramid = finish(build(plane, aggregate="mean"))
    numbers = np.nan_to_num(in_plane(layout, values.nan_to_num(0, 0, 0), 0))
    mask = in_plane(layout, kept, -1)
    block = 2
    while block <= pyramid.coarsest:
        found = tile(plane, pyramid, layout.whole, block)
        for y, x in np.ndindex(found.elements.shape):
            part = (slice(y * block, (y + 1) * block), slice(x * block, (x + 1) * block))
            count = (mask[part] >= 0).sum()
            if not count:
                assert np.isnan(found.before[y, x])
                continue
            grey = found.scale / 127
            for what, wanted in (
                ("before", mask[part] >= 0),
                ("after", mask[part] == 1),
                ("difference", mask[part] == 0),
            ):
                truth = numbers[part][wanted].sum() / count
                assert getattr(found, what)[y, x] == pytest.approx(truth, abs=min(1e-5, grey)), what
        block *= 2
    assert pyramid.limit == np.abs(numbers).max()


def test_that_a_mean_of_large_numbers_stays_finite(tmp_path):
    plane = plane_of(tmp_path / "m.pt", torch.full((9, 9), 3e38), torch.ones(9, 9) > 0, Grid.filters((9, 9)))
    found = tile(plane, finish(build(plane, aggregate="mean")), plane.layout.whole, 16)
    assert found.before[0, 0] == pytest.approx(3e38)


def test_that_words_tell_where_a_block_lies():
    shape = (50, 20, 3, 3)
    assert Grid.filters(shape).where(Area(0, 8, 8, 16)) == "out 0–2, in 2–5"
    assert Grid.filters(shape, turned=True).where(Area(0, 8, 8, 16)) == "in 0–2, out 2–5"
    assert Grid.slices(shape, 0, 1, (0, 0, 2, 1)).where(Area(0, 8, 8, 16)) == "out 0–7, in 8–15, ky 2, kx 1"
    bands = Bands.over(Grid.filters((90, 6)))
    assert bands.where(Area(0, 0, 8, 6)) == "rows 0–7, columns 0–5"
    assert bands.where(Area(8, 0, 16, 8)) == "rows 8–15, columns 0–5 and rows 32–39, columns 0"


@given(st.lists(st.integers(1, 9), min_size=3, max_size=4), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=40)
def test_that_lines_lie_between_filters_and_never_in_one(shape, turned, down):
    inner = Grid.filters(tuple(shape), turned)
    for layout in (inner, Bands.over(inner)):
        edges = set(layout.edges(down, 0, layout.rows if down else layout.columns))
        side, last = layout.kernel[0 if down else 1], layout.rows if down else layout.columns
        for place in range(1, last):
            pair = [layout.flat(*((at, 0) if down else (0, at))) for at in (place - 1, place)]
            if None not in pair:
                outer = [layout.index_of(flat)[inner.down[0] if down else inner.across[0]] for flat in pair]
                assert (place in edges) == (outer[0] != outer[1] or side == 1)
