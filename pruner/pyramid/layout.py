"""How a tensor's elements lie in a plane, and areas of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SHORT_ROW = 64


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the plane: rows from `top` up to `bottom`, columns from `left` up to `right`, in elements."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def rows(self) -> int:
        """Its height."""
        return self.bottom - self.top

    @property
    def columns(self) -> int:
        """Its width."""
        return self.right - self.left

    def holds(self, other: Area) -> bool:
        """Whether the other area lies inside this one."""
        inside = self.top <= other.top and self.left <= other.left
        return inside and other.bottom <= self.bottom and other.right <= self.right

    def within(self, other: Area) -> Area:
        """What both areas have in common; without rows or columns where that is nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Area(top, left, max(top, min(self.bottom, other.bottom)), max(left, min(self.right, other.right)))

    def snapped(self, block: int) -> Area:
        """The smallest area of whole blocks that holds this one."""
        up = [-(-edge // block) * block for edge in (self.bottom, self.right)]
        return Area(self.top // block * block, self.left // block * block, *up)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor's elements lie in a plane of `rows` by `columns`.

    A matrix lies as it is. More dimensions are a grid of filters: one row of filters for each output channel, one
    column for each input channel, the kernel's last dimension across and the others down. One dimension is folded
    into rows; the last of them may have places without an element.
    """

    shape: tuple[int, ...]
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Layout:
        """The layout of a shape."""
        numel = math.prod(shape)
        if len(shape) < 2 or shape[0] == 1 == math.prod(shape[2:]):
            columns = numel if numel <= _SHORT_ROW else math.ceil(math.sqrt(2 * numel))
            return cls(shape, math.ceil(numel / columns) if columns else 0, columns)
        return cls(
            shape,
            shape[0] * math.prod(shape[2:-1]),
            math.prod(shape[1:2]) * math.prod(shape[-1:] if len(shape) > 2 else ()),
        )

    @property
    def numel(self) -> int:
        """Elements in all."""
        return math.prod(self.shape)

    @property
    def whole(self) -> Area:
        """All of the plane."""
        return Area(0, 0, self.rows, self.columns)

    @property
    def folded(self) -> bool:
        """Whether rows are only a line that was folded."""
        return len(self.shape) < 2 or self.shape[0] == 1 == math.prod(self.shape[2:])

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of one filter; (1, 1) for a matrix."""
        return (math.prod(self.shape[2:-1]), self.shape[-1]) if len(self.shape) > 2 and not self.folded else (1, 1)

    @property
    def channels(self) -> int:
        """Filters beside each other in a row of filters; the columns where there are none."""
        return self.columns // self.kernel[1] if self.kernel[1] else 0

    def flat(self, row: int, column: int) -> int | None:
        """The element's flat index at a place; None where there is no element."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        high, wide = self.kernel
        flat = ((row // high * self.channels + column // wide) * high + row % high) * wide + column % wide
        return flat if flat < self.numel else None

    def place(self, flat: int) -> tuple[int, int]:
        """The row and column of an element by its flat index."""
        high, wide = self.kernel
        unit, inside = divmod(flat, high * wide)
        down, across = divmod(unit, self.channels)
        return down * high + inside // wide, across * wide + inside % wide

    def index(self, row: int, column: int) -> tuple[int, ...] | None:
        """The element's index at a place; None where there is no element."""
        flat = self.flat(row, column)
        return None if flat is None else self.index_of(flat)

    def index_of(self, flat: int) -> tuple[int, ...]:
        """The index of an element by its flat index."""
        return tuple(int(part) for part in np.unravel_index(flat, self.shape)) if self.shape else ()

    def describe(self, index: tuple[int, ...]) -> str:
        """An index in the words of its dimensions: `out 211, in 604`."""
        names: tuple[str, ...] = ("element",)
        if len(self.shape) == 2:
            names = ("row", "column")
        elif len(self.shape) > 2:
            names = ("out", "in", *("kz", "ky", "kx")[-len(self.shape) + 2 :])
        if len(names) != len(index):
            return str(index)
        return ", ".join(f"{name} {place}" for name, place in zip(names, index, strict=True))

    def elements(self, area: Area, block: int) -> npt.NDArray[np.int64]:
        """How many elements each block of a snapped area has, int64 of (rows, columns) in blocks."""
        down = np.clip(self.rows - np.arange(area.top, area.bottom, block), 0, block)
        across = np.clip(self.columns - np.arange(area.left, area.right, block), 0, block)
        counts = np.multiply.outer(down, across).astype(np.int64)
        last = self.rows - 1
        if self.numel < self.rows * self.columns and area.top <= last < area.bottom:  # places without an element
            starts = np.arange(area.left, area.right, block)
            filled = self.numel - last * self.columns
            ends = np.minimum(starts + block, self.columns)
            counts[(last - area.top) // block] -= np.clip(ends - np.maximum(starts, filled), 0, None)
        return counts
