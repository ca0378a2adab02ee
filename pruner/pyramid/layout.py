"""How a tensor's elements lie in a plane: what the kinds of layout have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pruner.pyramid.area import Area, Box

Numbers = npt.NDArray[np.int64]
Read = Callable[[Box], npt.NDArray[Any]]
"""Gives the elements of a box, as an array of its sizes."""


class Layout(ABC):
    """How a tensor's elements lie in a plane of `rows` by `columns`; frozen, and equal where they lie the same."""

    shape: tuple[int, ...]
    rows: int
    columns: int

    @staticmethod
    def of(shape: tuple[int, ...]) -> Layout:
        """The usual layout: a matrix as it is, more dimensions as filters, output by input, one dimension in rows."""
        from pruner.pyramid.grid import Grid  # the kinds of layout build on this class
        from pruner.pyramid.line import Line

        return Line.of(shape) if is_line(shape) else Grid.filters(shape)

    @property
    def numel(self) -> int:
        """Elements of the tensor."""
        return math.prod(self.shape)

    @property
    def held(self) -> int:
        """Elements that lie in the plane."""
        return self.numel

    @property
    def whole(self) -> Area:
        """All of the plane."""
        return Area(0, 0, self.rows, self.columns)

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of one filter; (1, 1) where there are none."""
        return 1, 1

    @property
    def folded(self) -> bool:
        """Whether rows are only a line that was folded."""
        return False

    @property
    def thin(self) -> bool:
        """Whether it would be better seen in bands."""
        return False

    @abstractmethod
    def flat(self, row: int, column: int) -> int | None:
        """The element's flat index at a place; None where there is no element."""

    @abstractmethod
    def place(self, flat: int) -> tuple[int, int]:
        """The row and column of an element that lies in the plane, by its flat index."""

    @abstractmethod
    def elements(self, area: Area, block: int) -> Numbers:
        """How many elements each block of a snapped area has, int64 of (rows, columns) in blocks."""

    @abstractmethod
    def gather(self, area: Area, read: Read, fill: float) -> npt.NDArray[Any]:
        """The elements of an area, of (rows, columns), out of the boxes it needs; `fill` where there is none."""

    @abstractmethod
    def where(self, area: Area) -> str:
        """The rows and columns, or filters, of an area in words."""

    def strips(self, most: int) -> Iterator[Area] | None:
        """Areas of whole blocks whose elements follow each other by flat index, one box each, about `most` in each.

        None where the plane has another order.
        """
        return None

    def edges(self, down: bool, first: int, last: int) -> list[int]:
        """The rows (or the columns), from `first` up to `last`, at which a filter ends or begins."""
        side = self.kernel[0 if down else 1]
        return [*range(-(-first // side) * side, last + 1, side)]

    def holding(self, flat: int) -> Layout:
        """The layout of its kind that has an element in its plane, by the element's flat index."""
        return self

    def index(self, row: int, column: int) -> tuple[int, ...] | None:
        """The element's index at a place; None where there is no element."""
        flat = self.flat(row, column)
        return None if flat is None else self.index_of(flat)

    def index_of(self, flat: int) -> tuple[int, ...]:
        """The index of an element by its flat index."""
        return tuple(int(part) for part in np.unravel_index(flat, self.shape)) if self.shape else ()

    def describe(self, index: tuple[int, ...]) -> str:
        """An index in the words of its dimensions: `out 211, in 604`."""
        names = dimension_names(len(self.shape))
        return ", ".join(f"{name} {place}" for name, place in zip(names, index or (0,), strict=True))


def dimension_names(rank: int) -> tuple[str, ...]:
    """What the dimensions of a tensor with so many of them are called."""
    if rank < 2:
        return ("element",)
    if rank == 2:
        return "row", "column"
    return ("out", "in", *("kz", "ky", "kx")[-rank + 2 :]) if rank < 6 else tuple(f"dim {dim}" for dim in range(rank))


def is_line(shape: tuple[int, ...]) -> bool:
    """Whether a tensor is a line: of one dimension, or one row of a matrix."""
    return len(shape) < 2 or shape[0] == 1 == math.prod(shape[2:])


def full_counts(rows: int, columns: int, area: Area, block: int) -> Numbers:
    """Elements of the blocks of a snapped area of a plane that is full."""
    down = np.clip(rows - np.arange(area.top, area.bottom, block), 0, block)
    across = np.clip(columns - np.arange(area.left, area.right, block), 0, block)
    return np.multiply.outer(down, across).astype(np.int64)


def row_strips(rows: int, columns: int, side: int, most: int) -> Iterator[Area]:
    """Strips of whole rows of blocks and filters, of about `most` elements."""
    unit = math.lcm(8, side)
    step = max(1, most // max(columns, 1) // unit) * unit
    for top in range(0, rows, step):
        yield Area(top, 0, min(top + step, rows), columns)


def span(what: str, first: int, last: int) -> str:
    """A row or a filter by its number, or a run of them."""
    return f"{what} {first}" if first == last else f"{what} {first}–{last}"
