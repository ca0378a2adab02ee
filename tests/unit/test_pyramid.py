"""A pyramid says at every level what brute force over the elements says."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pruner
from pruner import Mask
from pruner.pyramid import Area, Layout, Plane, Pyramid, PyramidCache, Tile, build, find_next, tile
from pruner.steps import finish
from tests.unit.distributed_folders import grid, handmade


def plane_of(path, values: torch.Tensor, kept: torch.Tensor | None) -> Plane:
    """A tensor in a file of torch's, with its mask."""
    torch.save({"w": values}, path)
    mask = None if kept is None else Mask.from_bools(kept.contiguous().numpy())
    return Plane.of(pruner.open_checkpoint(path), "w", mask)


def in_plane(layout: Layout, values: torch.Tensor, fill: float) -> np.ndarray:
    """Brute force: each element put by itself where the layout says."""
    out = np.full((layout.rows, layout.columns), fill, np.float64)
    for row in range(layout.rows):
        for column in range(layout.columns):
            index = layout.index(row, column)
            if index is not None:
                out[row, column] = float(values[index])
    return out


def largest(block: np.ndarray) -> float:
    """The value with the largest magnitude, the positive of two; NaN counts as 0."""
    numbers = np.nan_to_num(block[~np.isnan(block)], nan=0.0, posinf=np.inf, neginf=-np.inf)
    if not numbers.size:
        return 0.0
    high, low = numbers.max(), numbers.min()
    return high if high >= -low else low


def check(found: Tile, values: np.ndarray, kept: np.ndarray) -> None:
    """Compare a tile with the elements; `values` is NaN and `kept` is -1 where there is no element."""
    for y in range(found.elements.shape[0]):
        for x in range(found.elements.shape[1]):
            top, left = found.area.top + y * found.block, found.area.left + x * found.block
            part = (slice(top, top + found.block), slice(left, left + found.block))
            here, mask = values[part], kept[part]
            assert found.elements[y, x] == (mask >= 0).sum()
            if not (mask >= 0).any():
                assert np.isnan(found.density[y, x])
                assert np.isnan(found.before[y, x])
                continue
            assert found.kept[y, x] == (mask == 1).sum()
            assert found.density[y, x] == np.float32((mask == 1).sum() / (mask >= 0).sum())
            assert found.after[y, x] == largest(here[mask == 1])
            assert found.difference[y, x] == largest(here[mask == 0])
            assert abs(found.before[y, x]) == abs(largest(here[mask >= 0]))


def check_all(plane: Plane, values: torch.Tensor, kept: torch.Tensor, area: Area | None = None) -> Pyramid:
    """Compare each level with brute force, over an area or everything."""
    pyramid = finish(build(plane))
    numbers = in_plane(plane.layout, values, math.nan)
    mask = in_plane(plane.layout, kept, -1)
    block = 1
    while True:
        found = tile(plane, pyramid, area or plane.layout.whole, block)
        check(found, numbers, mask)
        if block >= pyramid.coarsest:
            break
        block *= 2
    assert pyramid.kept == int(kept.sum())
    assert pyramid.limit == float(values.abs().max())
    return pyramid


def masks(rows: int, columns: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    one = torch.zeros(rows, columns, dtype=torch.bool)
    one[rows // 3, columns // 2] = True
    return {
        "random": torch.rand(rows, columns) < 0.3,
        "structured": (torch.arange(rows)[:, None] % 5 != 0).expand(rows, columns),
        "2:4": torch.tensor([True, True, False, False]).repeat(rows, columns // 4 + 1)[:, :columns],
        "one kept": one,
        "one pruned": ~one,
        "diagonal": torch.eye(rows, columns, dtype=torch.bool),
        "empty": torch.zeros(rows, columns, dtype=torch.bool),
        "full": torch.ones(rows, columns, dtype=torch.bool),
        "every 8th column": (torch.arange(columns) % 8 != 0).expand(rows, columns),
    }


@pytest.mark.parametrize("size", [(61, 77), (64, 128)])
@pytest.mark.parametrize("name", masks(8, 8))
def test_that_every_level_is_what_brute_force_says(tmp_path, name, size):
    kept, values = masks(*size)[name], torch.randn(size)
    check_all(plane_of(tmp_path / "m.pt", values, kept), values, kept)


SHAPES = [(), (5,), (64,), (65,), (1000,), (1, 70), (4, 6), (3, 2, 5), (20, 30, 3), (4, 3, 2, 5)]
MORE_SHAPES = [(9, 11, 3, 3), (2, 3, 2, 2, 3), (2, 3, 20, 20), (70, 1), (1, 9, 7, 7)]


@pytest.mark.parametrize("shape", SHAPES + MORE_SHAPES)
def test_that_every_layout_is_true_at_every_level(tmp_path, shape):
    values, kept = torch.randn(shape), torch.rand(shape) < 0.5
    check_all(plane_of(tmp_path / "m.pt", values, kept), values, kept)


@given(
    shape=st.lists(st.integers(1, 13), max_size=4),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_that_any_area_of_any_tensor_is_true(tmp_path_factory, shape, corner, seed):
    torch.manual_seed(seed)
    values, kept = torch.randn(shape), torch.rand(shape) < seed / 99
    plane = plane_of(tmp_path_factory.mktemp("m") / "m.pt", values, kept)
    (top, bottom), (left, right) = (
        sorted((int(a * size), int(b * size)))
        for a, b, size in ((corner[0], corner[1], plane.layout.rows), (corner[2], corner[3], plane.layout.columns))
    )
    check_all(plane, values, kept, Area(top, left, bottom + 1, right + 1))


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.int64],
)
def test_that_every_type_of_number_is_read(tmp_path, dtype):
    values, kept = (torch.randn(30, 41) * 9).to(dtype), torch.rand(30, 41) < 0.5
    plane = plane_of(tmp_path / "m.pt", values, kept)
    check_all(plane, values.to(torch.float32), kept)


def test_that_complex_numbers_count_by_their_magnitude_and_bools_as_0_and_1(tmp_path):
    values = torch.randn(12, 20, dtype=torch.complex64)
    plane = plane_of(tmp_path / "m.pt", values, None)
    magnitude = torch.from_numpy(np.abs(values.numpy()))
    check_all(plane, magnitude, torch.ones(12, 20, dtype=torch.bool))
    truth = torch.rand(12, 20) < 0.5
    check_all(plane_of(tmp_path / "b.pt", truth, None), truth.float(), torch.ones(12, 20, dtype=torch.bool))


def test_that_float64_beyond_float32_stays_finite(tmp_path):
    plane = plane_of(tmp_path / "m.pt", torch.tensor([[1e300, -1e-3], [0.5, math.inf]], dtype=torch.float64), None)
    found = tile(plane, finish(build(plane)), plane.layout.whole, 1)
    assert found.before[0, 0] == np.finfo(np.float32).max
    assert found.before[1, 1] == math.inf


def test_that_nan_is_an_element_and_counts_as_0_in_a_block(tmp_path):
    values = torch.randn(20, 20)
    values[3, 4], values[9, 9], values[9, 10] = math.nan, math.nan, -math.inf
    kept = torch.rand(20, 20) < 0.5
    kept[3, 4], kept[9, 9] = True, False
    plane = plane_of(tmp_path / "m.pt", values, kept)
    pyramid = finish(build(plane))
    assert pyramid.limit == float(values[values.isfinite()].abs().max())
    exact = tile(plane, pyramid, plane.layout.whole, 1)
    assert np.isnan(exact.before[3, 4])
    assert np.isnan(exact.before[9, 9])
    assert not np.isnan(exact.density).any()
    for block in (2, 4, 8, 16, 32):
        found = tile(plane, pyramid, plane.layout.whole, block)
        check(found, values.numpy().astype(np.float64), kept.numpy().astype(int))


@pytest.mark.parametrize("view", ["transposed", "channels_last", "every second", "expanded", "sliced"])
def test_that_elements_in_another_order_are_found(tmp_path, view):
    base = torch.randn(40, 6, 3, 3)
    values = {
        "transposed": torch.randn(50, 33).T,
        "channels_last": base.to(memory_format=torch.channels_last),
        "every second": torch.randn(400)[::2],
        "expanded": torch.randn(1, 30).expand(25, 30),
        "sliced": torch.randn(40, 60)[3:30, 5:44],
    }[view]
    kept = torch.rand(values.shape) < 0.5
    check_all(plane_of(tmp_path / "m.pt", values, kept), values, kept)


def test_that_packed_files_and_small_tiles_give_the_same(tmp_path, monkeypatch):
    import zipfile

    import pruner.pyramid.builder as building

    monkeypatch.setattr(building, "_TILE", 500)
    values, kept = torch.randn(70, 90), torch.rand(70, 90) < 0.4
    plane = plane_of(tmp_path / "m.pt", values, kept)
    check_all(plane, values, kept)
    filters = torch.randn(30, 20, 3, 3)
    check_all(plane_of(tmp_path / "c.pt", filters, filters > 0), filters, filters > 0)
    with zipfile.ZipFile(tmp_path / "m.pt") as source, zipfile.ZipFile(tmp_path / "d.pt", "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    packed = Plane.of(pruner.open_checkpoint(tmp_path / "d.pt"), "w", plane.mask)
    assert packed.info.storage.deflated is not None
    check_all(packed, values, kept)


@pytest.mark.parametrize(("shape", "parts"), [((37, 50), (3, 2)), ((70,), (4,)), ((9, 7, 3, 3), (2, 2, 1, 1))])
def test_that_tensors_in_pieces_are_found(tmp_path, shape, parts):
    values, kept = torch.randn(shape), torch.rand(shape) < 0.5
    handmade(tmp_path / "m", {"w": (values, grid(shape, parts))}, 3)
    plane = Plane.of(pruner.open_checkpoint(tmp_path / "m"), "w", Mask.from_bools(kept.numpy()))
    assert len(plane.info.pieces) > 1
    check_all(plane, values, kept)
    check_all(plane, values, kept, Area(2, 3, plane.layout.rows - 1, plane.layout.columns - 1))


def test_that_a_large_tensor_tells_first_what_is_kept_and_then_the_values(tmp_path, monkeypatch):
    import pruner.pyramid.builder as building

    monkeypatch.setattr(building, "_AT_ONCE", 100)
    monkeypatch.setattr(building, "_SHOW_SECONDS", 0.0)
    monkeypatch.setattr(building, "_TILE", 800)
    values, kept = torch.randn(80, 90), torch.rand(80, 90) < 0.4
    plane = plane_of(tmp_path / "m.pt", values, kept)
    steps = [step for step in build(plane, 2) if step is not None]
    whole = finish(build(plane))
    first, later = steps[0], steps[len(steps) // 2]
    assert first.read == 0
    assert first.kept == later.kept == whole.kept == int(kept.sum())
    assert np.isnan(first.levels[0].after).all()
    assert 0 < later.read < 1
    known = ~np.isnan(later.levels[0].after)
    assert 0 < known.mean() < 1
    assert np.array_equal(later.levels[0].after[known], whole.levels[0].after[known])


@given(st.lists(st.booleans(), min_size=1, max_size=70), st.integers(0, 70), st.booleans())
@settings(deadline=None)
def test_that_the_next_element_is_found_as_a_search_finds_it(bools, start, wanted):
    start = min(start, len(bools))
    order = [*range(start, len(bools)), *range(start)]
    expected = next((place for place in order if bools[place] == wanted), None)
    assert finish(find_next(Mask.from_bools(np.array(bools)), start, wanted)) == expected


def test_that_the_cache_stays_within_its_bytes(tmp_path):
    cache = PyramidCache()
    planes = [plane_of(tmp_path / f"{n}.pt", torch.randn(64, 64), None) for n in range(3)]
    built = [finish(build(plane)) for plane in planes]
    cache.limit = 2 * built[0].nbytes
    for plane, pyramid in zip(planes, built, strict=True):
        cache.put(plane, pyramid)
    assert [cache.get(plane) for plane in planes] == [None, *built[1:]]
    assert cache.nbytes <= cache.limit
    del planes[2], plane
    cache.put(planes[0], built[0])
    cache.put(planes[1], built[1])
    assert cache.nbytes == 2 * built[0].nbytes
