"""A thin plane cut into bands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pruner.pyramid.area import Area
from pruner.pyramid.grid import Grid
from pruner.pyramid.layout import Layout, Numbers, Read, row_strips

_SMALL_PANE = 160
"""Pixels of a plane between whose bands a gap can still be seen."""
_STREAMED = 64
"""The width from which bands begin at blocks of the finest level, so that a pass over the file can build them."""


@dataclass(frozen=True)
class Bands(Layout):
    """A thin plane cut into bands that lie beside each other (a tall one) or under each other, with gaps between.

    `length` rows (or columns) of the inner plane are a band; one begins every `step` columns (or rows), for wide ones a
    multiple of the blocks that are seen when all bands are. Gaps have no elements, so what lies between hides nothing.
    """

    inner: Grid
    length: int
    step: int

    @classmethod
    def over(cls, inner: Grid) -> Bands:
        """About as high as wide."""
        long, wide, side = inner.rows, inner.columns, inner.kernel[0]
        if long < wide:
            long, wide, side = wide, long, inner.kernel[1]
        seen = math.ceil(math.sqrt(long * wide) / _SMALL_PANE)  # elements to a pixel where all is seen
        room = min(1 << (seen - 1).bit_length(), 1 << max(wide // 8, 1).bit_length() - 1)
        if wide >= _STREAMED:
            room = max(room, 8)
        step = (wide // room + 1 + (wide % room > 0)) * room
        unit = math.lcm(8, side)
        count = max(1, round(math.sqrt(long / step)))
        return cls(inner, min(math.ceil(math.ceil(long / count) / unit) * unit, long), step)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """The tensor's shape."""
        return self.inner.shape

    @cached_property
    def _tall(self) -> bool:
        return self.inner.rows >= self.inner.columns

    @cached_property
    def _long(self) -> int:
        return max(self.inner.rows, self.inner.columns)

    @cached_property
    def _wide(self) -> int:
        return min(self.inner.rows, self.inner.columns)

    @cached_property
    def _span(self) -> int:
        """From the first band's beginning to the last one's end."""
        return (-(-self._long // self.length) - 1) * self.step + self._wide

    @property
    def rows(self) -> int:  # type: ignore[override]
        """Places down."""
        return self.length if self._tall else self._span

    @property
    def columns(self) -> int:  # type: ignore[override]
        """Places across."""
        return self._span if self._tall else self.length

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of one filter."""
        return self.inner.kernel

    @property
    def held(self) -> int:
        """Elements that lie in the plane."""
        return self.inner.held

    def flat(self, row: int, column: int) -> int | None:
        """The element's flat index at a place; None between bands."""
        along, over = (row, column) if self._tall else (column, row)
        band, inside = divmod(over, self.step)
        if not (0 <= along < self.length and band >= 0 and inside < self._wide):
            return None
        along += band * self.length
        return self.inner.flat(along, inside) if self._tall else self.inner.flat(inside, along)

    def place(self, flat: int) -> tuple[int, int]:
        """The row and column of an element."""
        row, column = self.inner.place(flat)
        along, inside = (row, column) if self._tall else (column, row)
        band, along = divmod(along, self.length)
        over = band * self.step + inside
        return (along, over) if self._tall else (over, along)

    def elements(self, area: Area, block: int) -> Numbers:
        """How many elements each block has."""
        upright = area if self._tall else area.turned()
        along = np.arange(upright.top, upright.bottom + 1, block)
        over = np.arange(upright.left, upright.right + 1, block)
        last = self._span - self._wide
        bands, inside = np.divmod(np.minimum(over, last), self.step)
        full = np.diff(bands * self._wide + np.minimum(inside, self._wide))
        rest = self._long - last // self.step * self.length
        counts = np.multiply.outer(np.diff(np.minimum(along, self.length)), full)
        counts += np.multiply.outer(np.diff(np.minimum(along, rest)), np.diff(np.clip(over - last, 0, self._wide)))
        return counts if self._tall else counts.T

    def gather(self, area: Area, read: Read, fill: float) -> npt.NDArray[Any]:
        """The elements of an area, read band by band."""
        out: npt.NDArray[Any] | None = None
        for place, part in self._parts(area):
            found = self.inner.gather(part, read, fill)
            if out is None:
                out = np.full((area.rows, area.columns), fill, found.dtype)
            out[place] = found
        nothing = np.bool_ if fill is False else np.float32
        return np.full((area.rows, area.columns), fill, nothing) if out is None else out

    def _parts(self, area: Area) -> Iterator[tuple[tuple[slice, slice], Area]]:
        """The areas of the inner plane in an area of this one, and their places in it."""
        upright = area if self._tall else area.turned()
        for band in range(upright.left // self.step, -(-upright.right // self.step)):
            first, shift = band * self.length, band * self.step
            top, bottom = first + upright.top, min(first + min(upright.bottom, self.length), self._long)
            left, right = max(upright.left - shift, 0), min(upright.right - shift, self._wide)
            if top >= bottom or left >= right:
                continue
            down = slice(0, bottom - top)
            over = slice(left + shift - upright.left, right + shift - upright.left)
            part = Area(top, left, bottom, right)
            yield ((down, over), part) if self._tall else ((over, down), part.turned())

    def where(self, area: Area) -> str:
        """The rows and columns of each band that the area touches."""
        return " and ".join(self.inner.where(part) for _, part in self._parts(area))

    def strips(self, most: int) -> Iterator[Area] | None:
        """Strips of one band after another, where bands are cut from rows that follow each other."""
        if not self._tall or self.step % 8 or self.inner.strips(most) is None:
            return None
        return self._strips(most)

    def _strips(self, most: int) -> Iterator[Area]:
        for band in range(-(-self._long // self.length)):
            left = band * self.step
            rest = min(self.length, self._long - band * self.length)
            for strip in row_strips(rest, self._wide, self.inner.kernel[0], most):
                # up to the next band and the plane's last row, so that the strips fill the plane
                bottom = self.length if strip.bottom == rest else strip.bottom
                yield Area(strip.top, left, bottom, min(left + self.step, self._span))

    def edges(self, down: bool, first: int, last: int) -> list[int]:
        """Where filters end, in each band of its own."""
        if down == self._tall:
            return self.inner.edges(down, first, last)
        edges = self.inner.edges(down, 0, self._wide)
        bands = range(first // self.step, last // self.step + 1)
        return [edge for band in bands for each in edges if first <= (edge := band * self.step + each) <= last]

    def holding(self, flat: int) -> Layout:
        """The bands of the plane that has the element."""
        inner = self.inner.holding(flat)
        assert isinstance(inner, Grid)
        return replace(self, inner=inner)


def unbanded(layout: Layout) -> Layout:
    """A layout without its bands."""
    return layout.inner if isinstance(layout, Bands) else layout
