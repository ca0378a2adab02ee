"""One dimension, folded into rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pruner.pyramid.area import Area, Box
from pruner.pyramid.layout import Layout, Numbers, Read, full_counts, row_strips

_SHORT_ROW = 64


@dataclass(frozen=True)
class Line(Layout):
    """A line folded into rows; the last of them may have places without an element."""

    shape: tuple[int, ...]
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...], columns: int | None = None) -> Line:
        """A line in rows of so many elements; where it is not said, in a plane about twice as wide as high."""
        numel = math.prod(shape)
        if columns is None:
            columns = numel if numel <= _SHORT_ROW else math.ceil(math.sqrt(2 * numel))
        columns = min(columns, numel)
        return cls(shape, -(-numel // columns) if columns else 0, columns)

    @property
    def folded(self) -> bool:
        """Its rows are only a line that was folded."""
        return True

    def flat(self, row: int, column: int) -> int | None:
        """The element's flat index at a place."""
        flat = row * self.columns + column
        return flat if 0 <= row < self.rows and 0 <= column < self.columns and flat < self.numel else None

    def place(self, flat: int) -> tuple[int, int]:
        """The row and column of an element."""
        return divmod(flat, self.columns)

    def elements(self, area: Area, block: int) -> Numbers:
        """How many elements each block has."""
        counts = full_counts(self.rows, self.columns, area, block)
        last = self.rows - 1
        if self.numel < self.rows * self.columns and area.top <= last < area.bottom:
            starts = np.arange(area.left, area.right, block)
            filled = self.numel - last * self.columns
            ends = np.minimum(starts + block, self.columns)
            counts[(last - area.top) // block] -= np.clip(ends - np.maximum(starts, filled), 0, None)
        return counts

    def gather(self, area: Area, read: Read, fill: float) -> npt.NDArray[Any]:
        """The elements of an area, read in whole rows."""
        start, stop = (min(row * self.columns, self.numel) for row in (area.top, area.bottom))
        sizes = tuple(stop - start if size > 1 else 1 for size in self.shape)
        if self.numel > 1:
            starts = tuple(start if size > 1 else 0 for size in self.shape)
        else:
            starts, sizes = (0,) * len(self.shape), self.shape
        line = read(Box(starts, sizes)).reshape(-1)
        missing = area.rows * self.columns - len(line)
        if missing:
            line = np.append(line, np.full(missing, fill, line.dtype))
        return line.reshape(area.rows, self.columns)[:, area.left : area.right]

    def where(self, area: Area) -> str:
        """The runs of an area."""
        first = area.top * self.columns + area.left
        return f"{area.rows} runs of {area.columns} elements, from element {first} on"

    def strips(self, most: int) -> Iterator[Area]:
        """Rows, from above to below."""
        return row_strips(self.rows, self.columns, 1, most)
