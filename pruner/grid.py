"""How a tensor's elements lie in a table: rows and columns whose cells follow the flat index."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pruner.pyramid import Area

FOLD = 10
"""Columns of a line that is folded into rows, as the digits of its index are."""
_SHORT = 32
"""Columns up to which trailing dimensions lie beside each other: the weights of a kernel, or of a small filter."""
_WIDEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Grid:
    """A tensor in rows of `columns` elements: the cell at a row and a column is element row · columns + column.

    The last `across` dimensions lie across, the others down. A line (no more than one dimension is larger than 1), and
    what would be too wide, is `folded` instead: its last row may have places without an element.
    """

    shape: tuple[int, ...]
    columns: int
    across: int
    folded: bool

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Grid:
        """The grid of a shape."""
        numel = math.prod(shape)
        if sum(size != 1 for size in shape) < 2:
            return cls(shape, min(FOLD, numel), 0, True)
        across = 1
        while math.prod(shape[-across:]) == 1:  # a 1 × 1 kernel has nothing to lie across
            across += 1
        while across + 1 < len(shape) and math.prod(shape[-across - 1 :]) <= _SHORT:
            across += 1
        if across == len(shape) or math.prod(shape[-across:]) > _WIDEST:
            return cls(shape, FOLD, 0, True)
        return cls(shape, math.prod(shape[-across:]), across, False)

    @property
    def numel(self) -> int:
        """Elements in all."""
        return math.prod(self.shape)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return -(-self.numel // self.columns) if self.columns else 0

    @property
    def whole(self) -> Area:
        """All rows and columns."""
        return Area(0, 0, self.rows, self.columns)

    def flat(self, row: int, column: int) -> int | None:
        """The flat index of a cell; None where no element is."""
        flat = row * self.columns + column
        return flat if flat < self.numel else None

    def index(self, flat: int) -> tuple[int, ...]:
        """The index of an element by its flat index."""
        return _unravelled(flat, self.shape)

    def row_name(self, row: int) -> str:
        """What a row's elements have in common of their index, `3, 1`; of a folded line the index of the first."""
        if self.folded:
            line = len(self.shape) == 1 or self.numel == 1
            return str(row * self.columns) if line else _written(self.index(row * self.columns))
        return _written(_unravelled(row, self.shape[: -self.across]))

    def column_name(self, column: int) -> str:
        """The rest of the index in a column, `0, 2`; of a folded line the distance from the row's first, `+2`."""
        if self.folded:
            return f"+{column}"
        return _written(_unravelled(column, self.shape[-self.across :]))

    def shape_of(self, area: Area) -> tuple[int, ...] | None:
        """The shape of an area as a tensor: all of it has the tensor's own, whole rows of a line one dimension.

        None where the area's last row is shorter than the others.
        """
        if area == self.whole:
            return self.shape
        if self.folded and area.columns == self.columns:
            return (min(area.bottom * self.columns, self.numel) - area.top * self.columns,)
        if self.flat(area.bottom - 1, area.right - 1) is None:
            return None
        return (area.columns,) if self.folded and area.rows == 1 else (area.rows, area.columns)


def _unravelled(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index = []
    for size in reversed(shape):
        flat, place = divmod(flat, size)
        index.append(place)
    return tuple(index[::-1])


def _written(index: tuple[int, ...]) -> str:
    return ", ".join(map(str, index))
