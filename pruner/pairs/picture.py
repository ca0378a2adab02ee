"""A pair of tensors as pictures that are true at every scale: both, how far apart they are, and what each keeps."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruner.mask import Mask
from pruner.pairs.marks import Marks
from pruner.pairs.planes import planes
from pruner.pairs.values import Both
from pruner.picture import Picture
from pruner.pyramid import BASE, Area, Layout, Plane, Tile, build, tile
from pruner.pyramid.builder import count
from pruner.pyramid.levels import Counts, counts_of
from pruner.pyramid.plane import Floats
from pruner.steps import giving_way


@dataclass(frozen=True, eq=False, kw_only=True)
class PairTile(Tile):
    """The blocks of an area of a pair. `kept` counts the equal elements; `after` and `difference` are the extremes
    of a − b. `a` and `b` are those of each side, whose colours end at `side_scale`.

    `kept_a`, `kept_b` and `kept_both` count what each side keeps, and what both do, int64.
    """

    a: Floats
    b: Floats
    side_scale: float
    kept_a: npt.NDArray[np.int64]
    kept_b: npt.NDArray[np.int64]
    kept_both: npt.NDArray[np.int64]

    @property
    def changed(self) -> npt.NDArray[np.int64]:
        """Elements of each block that differ."""
        return self.elements - self.kept


@dataclass(frozen=True, eq=False)
class Kept:
    """How many elements a mask keeps, of blocks of any size: from its bits, or from counts of the finest level."""

    plane: Plane
    counts: Counts

    def of(self, area: Area, block: int) -> npt.NDArray[np.int64]:
        """The counts of a snapped area, int64 of (rows, columns) in blocks of `block`, a power of two."""
        if block < BASE:
            return counts_of(self.plane.kept(area.within(self.plane.layout.whole)), block).astype(np.int64)
        part = self.counts[area.top // BASE : area.bottom // BASE, area.left // BASE : area.right // BASE]
        factor = block // BASE
        rows, columns = area.rows // block, area.columns // block
        whole = np.zeros((rows * factor, columns * factor), np.int64)
        whole[: part.shape[0], : part.shape[1]] = part
        found: npt.NDArray[np.int64] = whole.reshape(rows, factor, columns, factor).sum((1, 3))
        return found


@dataclass(frozen=True, eq=False)
class PairPicture(Picture):
    """Two tensors of one shape that can be looked at from any distance; the plane is that of their difference."""

    a: Picture
    b: Picture
    same: Kept
    kept: tuple[Kept, Kept, Kept]

    def tile(self, area: Area, block: int) -> PairTile:
        """The blocks that an area touches; raises `PrunerError` where a file cannot be read."""
        apart = tile(self.plane, self.pyramid, area, block)
        sides = [side.tile(area, block) for side in (self.a, self.b)]
        kept = [one.of(apart.area, apart.block) for one in self.kept]
        return PairTile(
            apart.layout,
            apart.area,
            apart.block,
            self.same.of(apart.area, apart.block),
            apart.elements,
            apart.after,
            apart.after,
            apart.scale,
            apart.scale,
            a=sides[0].after,
            b=sides[1].after,
            side_scale=max(side.scale for side in sides),
            kept_a=kept[0],
            kept_b=kept[1],
            kept_both=kept[2],
        )


def pair_picture(both: Both, marks: Marks, layout: Layout | None = None) -> Generator[None, None, PairPicture]:
    """The picture of a pair whose tensors have one shape, of which `marks` has each element; gives way on the way.

    `layout` is one of that shape, None the usual one.

    Raises `PrunerError` where a tensor cannot be read.
    """
    a, b, apart = planes(both, layout)
    pyramids = []
    for plane in (apart, a, b):
        pyramids.append((yield from giving_way(build(plane))))
    same, kept_a, kept_b = marks.masks()
    counted = []
    for mask in (same, kept_a, kept_b, kept_a & kept_b):
        counted.append((yield from _counted(apart, mask)))
    return PairPicture(
        apart,
        pyramids[0],
        Picture(a, pyramids[1]),
        Picture(b, pyramids[2]),
        counted[0],
        (counted[1], counted[2], counted[3]),
    )


def _counted(plane: Plane, mask: Mask) -> Generator[None, None, Kept]:
    bits = Plane(plane.checkpoint, plane.info, mask, chosen=plane.chosen)
    return Kept(bits, (yield from count(bits)))
