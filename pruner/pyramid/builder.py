"""A pyramid built from a plane, tile by tile: first what is kept, which needs no file, then the values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruner.parallel import in_order
from pruner.pyramid.area import Area
from pruner.pyramid.bands import unbanded
from pruner.pyramid.grid import Grid
from pruner.pyramid.layout import Layout
from pruner.pyramid.levels import BASE, Aggregate, Counts, Level, counts_of, level_of
from pruner.pyramid.plane import Floats, Plane
from pruner.pyramid.pyramid import Pyramid

_TILE = 1 << 19
"""Elements worked on at a time by each thread: few enough for its cache."""
_TILE_REREAD = 1 << 23
"""Elements worked on at a time where each tile takes a pass over the tensor."""
_AT_ONCE = 1 << 21
"""Elements of a tensor whose pyramid is there before anything else could be shown."""
_SHOW_SECONDS = 0.3
_SAMPLE = 1 << 17

Loaded = tuple[Area, Callable[[], Floats]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a tile of the plane holds: its blocks, its largest finite magnitude, magnitudes of some elements."""

    area: Area
    level: Level
    limit: float
    sample: Floats


def build(plane: Plane, threads: int = 1, aggregate: Aggregate = "extreme") -> Generator[Pyramid | None, None, Pyramid]:
    """The pyramid of a plane; yields what is known so far from time to time, and None to give way.

    The first one of a large tensor has what is kept, and no values. One thread is no slower than two, which wait for
    Python's lock between steps as short as these. Raises `PrunerError` where the tensor cannot be read.
    """
    base = _empty(plane.layout, plane.mask is not None, aggregate)
    shown = time.monotonic()
    if plane.layout.held > _AT_ONCE:
        yield from _count(plane, base, threads)
        yield _snapshot(plane.layout, base, [])
        shown = time.monotonic()
    parts: list[_Found] = []
    for found in in_order(lambda loaded: _measure(plane, loaded, aggregate), _loads(plane), threads):
        parts.append(replace(found, level=base))
        _put(base, found)
        if plane.layout.held > _AT_ONCE and time.monotonic() - shown > _SHOW_SECONDS:
            yield _snapshot(plane.layout, base, parts)
            shown = time.monotonic()
        yield None
    return _over(plane.layout, base, parts, 1.0)


def kept_alone(plane: Plane, threads: int = 1) -> Generator[None, None, Pyramid]:
    """The pyramid of what is kept, which needs no file: its values are NaN. Gives way after each tile."""
    base = _empty(plane.layout, plane.mask is not None, "extreme")
    yield from _count(plane, base, threads)
    return _snapshot(plane.layout, base, [])


def _empty(layout: Layout, masked: bool, aggregate: Aggregate) -> Level:
    """A finest level without values yet."""
    size = (-(-layout.rows // BASE), -(-layout.columns // BASE))
    unread = np.full(size, np.nan, np.float32)
    return Level(
        BASE, np.zeros(size, np.uint8) if masked else None, unread, unread.copy() if masked else None, aggregate
    )


def count(plane: Plane) -> Generator[None, None, Counts]:
    """How many elements of each block of the finest level the plane's mask keeps, uint8; gives way after each tile."""
    base = _empty(plane.layout, True, "extreme")
    yield from _count(plane, base, 1)
    assert base.kept is not None
    return base.kept


def _count(plane: Plane, base: Level, threads: int) -> Iterator[None]:
    """Write down how many elements of each block are kept."""
    kept = base.kept
    if kept is None:
        return

    def count(area: Area) -> Any:
        return counts_of(plane.kept(area), BASE)

    areas = list(_tiles(plane))
    for area, counted in zip(areas, in_order(count, areas, threads), strict=True):
        kept[_blocks(area)] = counted
        yield None


def _measure(plane: Plane, loaded: Loaded, aggregate: Aggregate) -> _Found:
    """What a tile holds; runs on any thread."""
    area, load = loaded
    values = load()
    kept = plane.kept(area) if plane.mask is not None else None
    level = level_of(values, kept, BASE, aggregate)
    parts = [level.after, *([] if level.pruned is None else [level.pruned])]
    limit = max(float(np.abs(part).max(initial=0.0)) for part in parts)
    if math.isinf(limit) or aggregate != "extreme":
        limit = float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))
    # a step that has no factor in common with rows, columns and kernels takes elements from everywhere
    step = max(1, plane.layout.held // _SAMPLE)
    return _Found(area, level, limit, np.abs(values.reshape(-1)[:: step + 1 - step % 2 if step > 1 else 1]))


def _put(base: Level, found: _Found) -> None:
    """Write a tile's blocks into the finest level."""
    place = _blocks(found.area)
    base.after[place] = found.level.after
    if base.kept is not None and base.pruned is not None and found.level.kept is not None:
        base.kept[place] = found.level.kept
        base.pruned[place] = found.level.pruned


def _snapshot(layout: Layout, base: Level, parts: list[_Found]) -> Pyramid:
    """What is known so far, apart from what is still written to."""
    copy = Level(
        BASE,
        None if base.kept is None else base.kept.copy(),
        base.after.copy(),
        None if base.pruned is None else base.pruned.copy(),
        base.aggregate,
    )
    read = sum(part.area.rows * part.area.columns for part in parts)
    return _over(layout, copy, parts, min(read / max(layout.held, 1), 0.999))


def _over(layout: Layout, base: Level, parts: list[_Found], read: float) -> Pyramid:
    sample = np.concatenate([part.sample for part in parts]) if parts else np.empty(0, np.float32)
    return Pyramid.over(layout, base, max((part.limit for part in parts), default=0.0), sample, read)


def _blocks(area: Area) -> tuple[slice, slice]:
    """An area that begins at whole blocks, as a place of the finest level."""
    return (
        slice(area.top // BASE, -(-area.bottom // BASE)),
        slice(area.left // BASE, -(-area.right // BASE)),
    )


def _tiles(plane: Plane, most: int = _TILE) -> Iterator[Area]:
    """The plane in tiles of whole blocks and filters, which lie close together in the file."""
    layout = plane.layout
    high, wide = (math.lcm(BASE, side) for side in unbanded(layout).kernel)
    if _is_far_across(plane):
        rows = _times(high, most // wide, layout.rows)
        columns = _times(wide, most // max(rows, 1), layout.columns)
    else:
        columns = _times(wide, most // high, layout.columns)
        rows = _times(high, most // max(columns, 1), layout.rows)
    for top in range(0, layout.rows, max(rows, 1)):
        for left in range(0, layout.columns, max(columns, 1)):
            yield Area(top, left, min(top + rows, layout.rows), min(left + columns, layout.columns))


def _is_far_across(plane: Plane) -> bool:
    """Whether what lies beside each other in the plane is further apart in the file than what lies below."""
    layout, stride = unbanded(plane.layout), plane.info.stride
    if not isinstance(layout, Grid):
        return False
    return max(stride[dim] for dim in layout.across) > max(stride[dim] for dim in layout.down)


def _times(unit: int, most: int, needed: int) -> int:
    """The multiple of a unit that is about `most`, and no more than what is needed."""
    return min(max(1, most // unit) * unit, needed)


def _loads(plane: Plane) -> Iterator[Loaded]:
    """The plane's tiles with functions that give their values; called once each, on any thread."""
    strips = plane.layout.strips(_TILE) if plane.streamed else None
    if strips is not None:
        yield from _streamed(plane, strips)
        return
    for area in _tiles(plane, _TILE_REREAD if plane.streamed else _TILE):
        yield area, (lambda area=area: plane.values(area))  # type: ignore[misc]


def _streamed(plane: Plane, strips: Iterator[Area]) -> Iterator[Loaded]:
    """Strips of a file that can only be read from its beginning on."""
    runs = plane.runs(_TILE)
    waiting = np.empty(0, np.float32)
    for area in strips:
        needed = int(plane.layout.elements(area, 1).sum())
        parts, there = [waiting], len(waiting)
        while there < needed:
            parts.append(next(runs)())
            there += len(parts[-1])
        flat = np.concatenate(parts) if len(parts) > 1 else waiting
        waiting = flat[needed:]
        yield area, (lambda flat=flat[:needed], area=area: plane.arranged(flat, area))  # type: ignore[misc]
