"""Levels of a pyramid: how many elements of a block are kept, and the extremes or the means of its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pruner.mask import Bools
from pruner.pyramid.plane import Floats

Counts = npt.NDArray[np.integer[Any]]
Aggregate = Literal["extreme", "mean"]
"""What stands for the values of a block: that of the largest magnitude, with its sign, or their mean."""
BASE = 8
"""Elements across and down a block of the finest level that is stored: 9/64 of a byte to 9/48 an element in all."""


@dataclass(frozen=True, eq=False)
class Level:
    """Blocks of `block` by `block` elements; arrays of one shape, (rows, columns) in blocks.

    `kept` counts the kept elements, unsigned; None where everything is kept. `after` is, of the kept elements, the
    value with the largest magnitude (the positive of two), `pruned` that of the pruned ones, None where none is;
    float32, 0 where there is no such element, NaN where the values are not read yet. NaN elements count as 0.

    Of the aggregate `mean` both are sums over block² places, those without such an element counted as 0: what is kept
    and what is pruned add up. NaN and infinite elements count as 0 there.
    """

    block: int
    kept: Counts | None
    after: Floats
    pruned: Floats | None
    aggregate: Aggregate = "extreme"

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(part.nbytes for part in (self.kept, self.after, self.pruned) if part is not None)

    def coarser(self) -> Level:
        """The level of blocks twice as high and wide."""
        kept = None
        if self.kept is not None:
            wide = _counter(self.block * 2)
            kept = _halved(self.kept.astype(wide, copy=False), np.add)
        half = _means if self.aggregate == "mean" else _extremes
        pruned = None if self.pruned is None else half(self.pruned, 2)
        return Level(self.block * 2, kept, half(self.after, 2), pruned, self.aggregate)


def level_of(values: Floats, kept: Bools | None, block: int, aggregate: Aggregate = "extreme") -> Level:
    """The level of blocks of an area's elements; `block` is a power of two up to 8.

    `values` (float32, NaN where there is no element) and `kept` (None for everything) are of (rows, columns).
    """
    reduce = means if aggregate == "mean" else extremes
    if kept is None or kept.all():
        counted = None if kept is None else counts_of(kept, block)
        nothing = None if kept is None else _nothing(values, block)
        return Level(block, counted, reduce(values, block), nothing, aggregate)
    # All bits of what is kept and none of the rest, computed as integers: NaN times 0 would be NaN.
    words = values.view(np.int32)
    left = np.negative(kept.view(np.int8)).astype(np.int32)
    np.bitwise_and(words, left, out=left)
    gone = words ^ left
    return Level(
        block,
        counts_of(kept, block),
        reduce(left.view(np.float32), block),
        reduce(gone.view(np.float32), block),
        aggregate,
    )


def counts_of(kept: Bools, block: int) -> Counts:
    """How many elements of each block are kept, uint8; `block` is a power of two up to 8."""
    found: Counts = kept.view(np.uint8)
    while block > 1:
        found = _halved(found, np.add)
        block //= 2
    return found


def extremes(values: Floats, factor: int) -> Floats:
    """Of each block the value with the largest magnitude, the positive of two; NaN counts as 0 among elements.

    `factor` is the block's size in cells of `values`, a power of two. A cell of NaN alone stays NaN for `factor` 1.
    """
    if factor == 1:
        return values
    found = _extremes(values, factor)
    return _extremes(np.where(np.isnan(values), np.float32(0), values), factor) if np.isnan(found).any() else found


def means(values: Floats, factor: int) -> Floats:
    """Of each block the sum of the finite values over factor² places; the cells themselves for `factor` 1."""
    if factor == 1:
        return values
    finite = np.isfinite(values)
    return _means(values if finite.all() else np.where(finite, values, np.float32(0)), factor)


def joined(after: Floats, pruned: Floats, aggregate: Aggregate) -> Floats:
    """What stands for all values of blocks, from what stands for the kept and for the pruned ones."""
    if aggregate == "mean":
        return after + pruned
    return np.where(np.abs(after) >= np.abs(pruned), after, pruned)


def _means(values: Floats, factor: int) -> Floats:
    """`means` in which one NaN makes a block NaN."""
    while factor > 1:
        values = _halved(values, _middle)
        factor //= 2
    return values


def _middle(one: Floats, other: Floats) -> Floats:
    half = np.float32(0.5)  # halved first, since the sum may be more than float32 holds
    return one * half + other * half


def _extremes(values: Floats, factor: int) -> Floats:
    """`extremes` in which one NaN makes a block NaN."""
    high = low = values
    while factor > 1:
        high, low = _halved(high, np.maximum), _halved(low, np.minimum)
        factor //= 2
    return np.where(high >= -low, high, low)


def _halved(cells: Any, join: Callable[..., Any]) -> Any:
    """Cells joined two by two, first those above each other; an odd last row or column is joined with zeros."""
    rows, columns = cells.shape
    if rows % 2 or columns % 2:
        padded = np.zeros((rows + rows % 2, columns + columns % 2), cells.dtype)
        padded[:rows, :columns] = cells
        cells = padded
    lines = join(cells[0::2], cells[1::2])
    return join(lines[:, 0::2], lines[:, 1::2])


def _nothing(values: Floats, block: int) -> Floats:
    return np.zeros((-(-values.shape[0] // block), -(-values.shape[1] // block)), np.float32)


def _counter(block: int) -> type[np.unsignedinteger[Any]]:
    """The type that counts a block's elements."""
    most = block * block
    return np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32 if most < 1 << 32 else np.uint64
