"""What a view needs of a tensor: the blocks of an area, from the pyramid or made from the elements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pruner.pyramid.area import Area
from pruner.pyramid.layout import Layout
from pruner.pyramid.levels import Aggregate, Counts, Level, joined, level_of
from pruner.pyramid.plane import Floats, Plane
from pruner.pyramid.pyramid import Pyramid


@dataclass(frozen=True, eq=False)
class Tile:
    """The blocks of `area`, which is of whole ones; `block` is elements across and down. Arrays of one shape.

    `kept` and `elements` count those of each block, int64. `after` and `difference` are the extremes of the kept and of
    the pruned values, float32; NaN without an element, and where `read` is below 1, where values are still to come.
    Of the aggregate `mean` they are means over all of the block's elements, those of the other kind counted as 0.
    `scale` is the magnitude at the ends of the colours, `difference_scale` that for the pruned values.
    """

    layout: Layout
    area: Area
    block: int
    kept: Counts
    elements: Counts
    after: Floats
    difference: Floats
    scale: float
    difference_scale: float
    read: float = 1.0
    aggregate: Aggregate = "extreme"

    @cached_property
    def density(self) -> Floats:
        """The share of each block that is kept; NaN where there is no element."""
        there = self.elements > 0
        share = self.kept / np.where(there, self.elements, 1)
        return np.where(there, share, np.nan).astype(np.float32)

    @cached_property
    def before(self) -> Floats:
        """The extreme, or the mean, of each block's values before pruning."""
        if self.block == 1:  # one of the two is zero in all bits, the other may be NaN
            return (self.after.view(np.int32) | self.difference.view(np.int32)).view(np.float32)
        return joined(self.after, self.difference, self.aggregate)

    def place(self, row: int, column: int) -> tuple[int, int] | None:
        """The block, by row and column in the arrays, that an element's place lies in; None where it is not there."""
        y, x = (row - self.area.top) // self.block, (column - self.area.left) // self.block
        if not (0 <= y < self.elements.shape[0] and 0 <= x < self.elements.shape[1] and self.elements[y, x]):
            return None
        return y, x


def tile(plane: Plane, pyramid: Pyramid, area: Area, block: int) -> Tile:
    """The blocks that an area touches; `block` is a power of two.

    Blocks of fewer than 8 by 8 elements are made from the file's numbers and the mask's bits, of this area alone.
    Raises `PrunerError` where the file cannot be read.
    """
    layout = plane.layout
    block = min(block, pyramid.coarsest)
    area = area.within(layout.whole).snapped(block)
    elements = layout.elements(area, block)
    level = pyramid.level(block)
    if level is None:
        inside = area.within(layout.whole)
        level = level_of(
            plane.values(inside), plane.kept(inside) if plane.mask is not None else None, block, pyramid.aggregate
        )
        return _tile(pyramid, area, elements, level, 1.0)
    place = (slice(area.top // block, area.bottom // block), slice(area.left // block, area.right // block))
    part = Level(
        block,
        None if level.kept is None else level.kept[place],
        level.after[place],
        None if level.pruned is None else level.pruned[place],
        level.aggregate,
    )
    return _tile(pyramid, area, elements, part, pyramid.read)


def _tile(pyramid: Pyramid, area: Area, elements: Counts, level: Level, read: float) -> Tile:
    kept = elements if level.kept is None else level.kept.astype(np.int64)
    after = level.after
    pruned = np.zeros(elements.shape, np.float32) if level.pruned is None else level.pruned
    if level.aggregate == "mean" and level.block > 1:
        weight = (level.block**2 / np.maximum(elements, 1)).astype(np.float32)
        after, pruned = after * weight, pruned * weight
    nothing = elements == 0
    if nothing.any():
        after, pruned = (np.where(nothing, np.float32(np.nan), part) for part in (after, pruned))
    scales = pyramid.scale(level.block), pyramid.pruned_scale(level.block)
    return Tile(pyramid.layout, area, level.block, kept, elements, after, pruned, *scales, read, level.aggregate)
