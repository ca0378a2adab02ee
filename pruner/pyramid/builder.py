"""A pyramid built from a plane, tile by tile: first what is kept, which needs no file, then the values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruner.parallel import in_order
from pruner.pyramid.layout import Area, Layout
from pruner.pyramid.levels import BASE, Level, counts_of, level_of
from pruner.pyramid.plane import Floats, Plane, floats
from pruner.pyramid.pyramid import Pyramid
from pruner.reading import read_chunks

_TILE = 1 << 19
"""Elements worked on at a time by each thread: few enough for its cache."""
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


def build(plane: Plane, threads: int = 1) -> Generator[Pyramid | None, None, Pyramid]:
    """The pyramid of a plane; yields what is known so far from time to time, and None to give way.

    The first one of a large tensor has what is kept, and no values. One thread is no slower than two, which wait for
    Python's lock between steps as short as these. Raises `PrunerError` where the tensor cannot be read.
    """
    base = _empty(plane.layout, plane.mask is not None)
    shown = time.monotonic()
    if plane.layout.numel > _AT_ONCE:
        yield from _count(plane, base, threads)
        yield _snapshot(plane.layout, base, [])
        shown = time.monotonic()
    parts: list[_Found] = []
    for found in in_order(lambda loaded: _measure(plane, loaded), _loads(plane), threads):
        parts.append(replace(found, level=base))
        _put(base, found)
        if plane.layout.numel > _AT_ONCE and time.monotonic() - shown > _SHOW_SECONDS:
            yield _snapshot(plane.layout, base, parts)
            shown = time.monotonic()
        yield None
    return _over(plane.layout, base, parts, 1.0)


def kept_alone(plane: Plane, threads: int = 1) -> Generator[None, None, Pyramid]:
    """The pyramid of what is kept, which needs no file: its values are NaN. Gives way after each tile."""
    base = _empty(plane.layout, plane.mask is not None)
    yield from _count(plane, base, threads)
    return _snapshot(plane.layout, base, [])


def finish(steps: Generator[Any, None, Pyramid]) -> Pyramid:
    """What a builder returns, waited for."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Pyramid = end.value
            return found


def _empty(layout: Layout, masked: bool) -> Level:
    """A finest level without values yet."""
    size = (-(-layout.rows // BASE), -(-layout.columns // BASE))
    unread = np.full(size, np.nan, np.float32)
    return Level(BASE, np.zeros(size, np.uint8) if masked else None, unread, unread.copy() if masked else None)


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


def _measure(plane: Plane, loaded: Loaded) -> _Found:
    """What a tile holds; runs on any thread."""
    area, load = loaded
    values = load()
    kept = plane.kept(area) if plane.mask is not None else None
    level = level_of(values, kept, BASE)
    parts = [level.after, *([] if level.pruned is None else [level.pruned])]
    limit = max(float(np.abs(part).max(initial=0.0)) for part in parts)
    if math.isinf(limit):
        limit = float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))
    # a step that has no factor in common with rows, columns and kernels takes elements from everywhere
    step = max(1, plane.layout.numel // _SAMPLE)
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
    )
    read = sum(part.area.rows * part.area.columns for part in parts)
    return _over(layout, copy, parts, min(read / max(layout.numel, 1), 0.999))


def _over(layout: Layout, base: Level, parts: list[_Found], read: float) -> Pyramid:
    sample = np.concatenate([part.sample for part in parts]) if parts else np.empty(0, np.float32)
    return Pyramid.over(layout, base, max((part.limit for part in parts), default=0.0), sample, read)


def _blocks(area: Area) -> tuple[slice, slice]:
    """An area that begins at whole blocks, as a place of the finest level."""
    return (
        slice(area.top // BASE, -(-area.bottom // BASE)),
        slice(area.left // BASE, -(-area.right // BASE)),
    )


def _tiles(plane: Plane) -> Iterator[Area]:
    """The plane in tiles of whole blocks and filters, which lie close together in the file."""
    layout = plane.layout
    high, wide = (math.lcm(BASE, side) for side in layout.kernel)
    stride = plane.info.stride
    if not layout.folded and len(stride) > 1 and stride[0] < stride[1]:
        rows = _times(high, _TILE // wide, layout.rows)
        columns = _times(wide, _TILE // max(rows, 1), layout.columns)
    else:
        columns = _times(wide, _TILE // high, layout.columns)
        rows = _times(high, _TILE // max(columns, 1), layout.rows)
    for top in range(0, layout.rows, max(rows, 1)):
        for left in range(0, layout.columns, max(columns, 1)):
            yield Area(top, left, min(top + rows, layout.rows), min(left + columns, layout.columns))


def _times(unit: int, most: int, needed: int) -> int:
    """The multiple of a unit that is about `most`, and no more than what is needed."""
    return min(max(1, most // unit) * unit, needed)


def _loads(plane: Plane) -> Iterator[Loaded]:
    """The plane's tiles with functions that give their values; called once each, on any thread."""
    if plane.info.pieces or plane.info.storage.deflated is not None:
        yield from _streamed(plane)
        return
    for area in _tiles(plane):
        yield area, (lambda area=area: plane.values(area))  # type: ignore[misc]


def _streamed(plane: Plane) -> Iterator[Loaded]:
    """Bands of rows of a file that can only be read from its beginning on."""
    layout = plane.layout
    high = math.lcm(BASE, layout.kernel[0])
    rows = _times(high, _TILE // max(layout.columns, 1), layout.rows)
    top = 0
    for chunk in read_chunks(plane.info, max(1, rows * layout.columns)):
        plane.checkpoint.require_current(plane.info)
        area = Area(top, 0, min(top + rows, layout.rows), layout.columns)
        yield area, (lambda chunk=chunk, area=area: plane.arranged(floats(chunk), area))  # type: ignore[misc]
        top += rows
