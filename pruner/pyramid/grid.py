"""Dimensions against each other: a matrix, filters in a grid, or one slice of a tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy.typing as npt

from pruner.pyramid.area import Area, Box
from pruner.pyramid.layout import Layout, Numbers, Read, dimension_names, full_counts, row_strips, span

_THIN = 6
"""How many times longer than wide a plane is that is better seen in bands."""


@dataclass(frozen=True)
class Grid(Layout):
    """Dimensions `down` the plane and `across`, the outer before the inner; the others stand `at` a place.

    A matrix is row by column. Filters of a convolution lie in a grid, and inside a filter the kernel's last dimension
    lies across and its others down. `at` has a place for every dimension; those of `down` and `across` are 0.
    """

    shape: tuple[int, ...]
    down: tuple[int, ...]
    across: tuple[int, ...]
    at: tuple[int, ...]

    @classmethod
    def filters(cls, shape: tuple[int, ...], turned: bool = False) -> Grid:
        """Filters in a grid: outputs down and inputs across, or `turned` the other way round; a matrix is itself."""
        down, across = (1, 0) if turned else (0, 1)
        dims = range(2, len(shape))
        return cls(shape, (down, *dims[:-1]), (across, *dims[-1:]), (0,) * len(shape))

    @classmethod
    def slices(cls, shape: tuple[int, ...], down: int, across: int, at: tuple[int, ...]) -> Grid:
        """One dimension by another, with the others at a place."""
        held = tuple(0 if dim in (down, across) else min(place, shape[dim] - 1) for dim, place in enumerate(at))
        return cls(shape, (down,), (across,), held)

    @cached_property
    def rows(self) -> int:  # type: ignore[override]
        """Places down."""
        return math.prod(self.shape[dim] for dim in self.down)

    @cached_property
    def columns(self) -> int:  # type: ignore[override]
        """Places across."""
        return math.prod(self.shape[dim] for dim in self.across)

    @property
    def held(self) -> int:
        """Elements that lie in the plane."""
        return self.rows * self.columns

    @cached_property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of one filter."""
        high, wide = (math.prod(self.shape[dim] for dim in dims[1:]) for dims in (self.down, self.across))
        return high, wide

    @property
    def thin(self) -> bool:
        """Whether it is many times longer than wide."""
        return max(self.rows, self.columns) >= _THIN * max(min(self.rows, self.columns), 1)

    @cached_property
    def _fixed(self) -> tuple[int, ...]:
        return tuple(dim for dim in range(len(self.shape)) if dim not in (*self.down, *self.across))

    def flat(self, row: int, column: int) -> int | None:
        """The element's flat index at a place."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        index = list(self.at)
        for dims, place in ((self.down, row), (self.across, column)):
            for dim in reversed(dims):
                place, index[dim] = divmod(place, self.shape[dim])
        flat = 0
        for size, place in zip(self.shape, index, strict=True):
            flat = flat * size + place
        return flat

    def place(self, flat: int) -> tuple[int, int]:
        """The row and column of an element."""
        index = self.index_of(flat)
        row = column = 0
        for dim in self.down:
            row = row * self.shape[dim] + index[dim]
        for dim in self.across:
            column = column * self.shape[dim] + index[dim]
        return row, column

    def elements(self, area: Area, block: int) -> Numbers:
        """How many elements each block has."""
        return full_counts(self.rows, self.columns, area, block)

    def gather(self, area: Area, read: Read, fill: float) -> npt.NDArray[Any]:
        """The elements of an area, read in whole filters."""
        high, wide = self.kernel
        starts, sizes = list(self.at), [1] * len(self.shape)
        for dim in (*self.down[1:], *self.across[1:]):
            sizes[dim] = self.shape[dim]
        starts[self.down[0]], starts[self.across[0]] = area.top // high, area.left // wide
        sizes[self.down[0]] = -(-area.bottom // high) - area.top // high
        sizes[self.across[0]] = -(-area.right // wide) - area.left // wide
        box = read(Box(tuple(starts), tuple(sizes))).transpose(*self.down, *self.across, *self._fixed)
        plane = box.reshape(sizes[self.down[0]] * high, sizes[self.across[0]] * wide)
        top, left = area.top % high, area.left % wide
        return plane[top : top + area.rows, left : left + area.columns]

    def where(self, area: Area) -> str:
        """The ranges of both outer dimensions, and where the others stand."""
        names = dimension_names(len(self.shape))
        said = []
        for dims, side, first, last in (
            (self.down, self.kernel[0], area.top, area.bottom - 1),
            (self.across, self.kernel[1], area.left, area.right - 1),
        ):
            name = names[dims[0]] + ("s" if len(names) == 2 else "")
            said.append(span(name, first // side, last // side))
        return ", ".join([*said, *(f"{names[dim]} {self.at[dim]}" for dim in self._fixed)])

    def strips(self, most: int) -> Iterator[Area] | None:
        """Rows of filters, where the first dimension goes down and no dimension stands at a place."""
        if self.down[0] or self._fixed:
            return None
        return row_strips(self.rows, self.columns, self.kernel[0], most)

    def holding(self, flat: int) -> Layout:
        """The same dimensions against each other, with the others where the element is."""
        return self if not self._fixed else Grid.slices(self.shape, self.down[0], self.across[0], self.index_of(flat))
