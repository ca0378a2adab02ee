"""The elements of a tensor as a table whose values come page by page, when they are seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QObject, Qt, Signal
from PySide6.QtGui import QColor

from app.columns import AT_RIGHT, NO_INDEX, Index
from app.plain import plain_tip
from app.theme import current
from pruner.page import Array, Sheet
from pruner.pyramid import Area, Layout

Shown = Literal["before", "after", "both"]
ROWS = 1_000_000
"""Rows of a part: Qt keeps a record of each row, and places no more than 2³¹ pixels of them."""
MOST_BYTES = 32 << 20
"""What the pages that are kept may take."""
_PAGE_COLUMNS, _PAGE_ELEMENTS = 64, 2048
WAITING = "…"
GONE = "→ 0"

Key = tuple[int, int]
"""A page's place: which one from above, and from the left."""


@dataclass(frozen=True, eq=False)
class Page:
    """The values of a page, as `pruner.page.exact` gives them."""

    key: Key
    values: Array


class ValuesModel(QAbstractTableModel):
    """A part of a tensor's grid, of at most `ROWS` rows; values that are not there yet are asked for."""

    missing = Signal()
    """A cell was asked for whose page is not there."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sheet: Sheet | None = None
        self.first = 0
        self.shown: Shown = "both"
        self._layout: Layout | None = None
        self._pages: OrderedDict[Key, Array] = OrderedDict()
        self._nbytes = 0

    # What is shown

    def show_sheet(self, sheet: Sheet | None) -> None:
        """Show a tensor; the pages of the same tensor are kept, since a mask does not change what was read."""
        old = self.sheet
        if old is not None and sheet is not None and old.info is sheet.info and old.checkpoint is sheet.checkpoint:
            self.sheet = sheet
            self._repaint()
            return
        self.beginResetModel()
        self.sheet, self.first = sheet, 0
        self._layout = Layout.of(sheet.info.shape) if sheet is not None else None
        self._pages.clear()
        self._nbytes = 0
        self.endResetModel()

    def show_state(self, shown: Shown) -> None:
        """Show the values before or after pruning, or both in a cell."""
        self.shown = shown
        self._repaint()

    def show_part(self, part: int) -> None:
        """Show another part of the rows."""
        self.beginResetModel()
        self.first = part * ROWS
        self.endResetModel()

    @property
    def parts(self) -> int:
        """Parts of the tensor's rows."""
        return -(-self.sheet.grid.rows // ROWS) if self.sheet is not None else 0

    def _repaint(self) -> None:
        if self.rowCount() and self.columnCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))

    # Pages

    @property
    def _page_size(self) -> tuple[int, int]:
        assert self.sheet is not None
        columns = min(_PAGE_COLUMNS, self.sheet.grid.columns)
        return _PAGE_ELEMENTS // columns, columns

    def area_of(self, key: Key) -> Area:
        """The rows and columns of the grid that a page has."""
        assert self.sheet is not None
        (rows, columns), (down, across) = self._page_size, key
        return Area(down * rows, across * columns, (down + 1) * rows, (across + 1) * columns).within(
            self.sheet.grid.whole
        )

    def lacking(self, area: Area) -> list[Key]:
        """The pages of an area of the table that are not there, and from now on those that are forgotten last."""
        if self.sheet is None:
            return []
        rows, columns = self._page_size
        found = []
        for down in range((self.first + area.top) // rows, -(-(self.first + area.bottom) // rows)):
            for across in range(area.left // columns, -(-area.right // columns)):
                if (down, across) in self._pages:
                    self._pages.move_to_end((down, across))
                else:
                    found.append((down, across))
        return found

    def take(self, page: Page) -> None:
        """Show a page that has been read, and forget those that were not used for longest."""
        area = self.area_of(page.key)
        self._pages[page.key] = page.values
        self._nbytes += page.values.nbytes
        while self._nbytes > MOST_BYTES and len(self._pages) > 1:
            self._nbytes -= self._pages.popitem(last=False)[1].nbytes
        top, bottom = max(area.top - self.first, 0), min(area.bottom - self.first, self.rowCount())
        if top < bottom:
            self.dataChanged.emit(self.index(top, area.left), self.index(bottom - 1, area.right - 1))

    def value(self, row: int, column: int) -> Any | None:
        """The exact value of a cell before pruning, as a NumPy scalar; None while it is not there."""
        rows, columns = self._page_size
        row += self.first
        page = self._pages.get((row // rows, column // columns))
        return None if page is None else page[row % rows, column % columns]

    def kept(self, flat: int) -> bool:
        """Whether an element is kept."""
        mask = self.sheet.mask if self.sheet is not None else None
        return mask is None or bool(mask.bits[flat >> 3] >> (flat & 7) & 1)

    # The table

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        if parent.isValid() or self.sheet is None:
            return 0
        return max(0, min(ROWS, self.sheet.grid.rows - self.first))

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() or self.sheet is None else self.sheet.grid.columns

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return AT_RIGHT
        if role != Qt.ItemDataRole.DisplayRole or self.sheet is None or section < 0:
            return None
        grid = self.sheet.grid
        if orientation == Qt.Orientation.Horizontal:
            return grid.column_name(section)
        return grid.row_name(self.first + section)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.sheet is None:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return AT_RIGHT
        if role not in _ROLES:
            return None
        flat = self.sheet.grid.flat(self.first + index.row(), index.column())
        if flat is None:
            return None
        gone = self.shown != "before" and not self.kept(flat)
        if role == Qt.ItemDataRole.BackgroundRole:
            return QColor(current().removed) if gone else None
        if role == Qt.ItemDataRole.DisplayRole and gone and self.shown == "after":
            return GONE
        value = self.value(index.row(), index.column())
        if value is None:
            self.missing.emit()
            return WAITING if role == Qt.ItemDataRole.DisplayRole else None
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{cell_text(value)} {GONE}" if gone else cell_text(value)
        told = self.describe(flat, value)
        return plain_tip(told) if role == Qt.ItemDataRole.ToolTipRole else told

    def describe(self, flat: int, value: Any) -> str:
        """All there is to say of an element: its index, its exact value, and whether it is pruned."""
        assert self.sheet is not None
        assert self._layout is not None
        pruned = "" if self.kept(flat) else " → pruned"
        place = self._layout.describe(self.sheet.grid.index(flat)) if self.sheet.info.shape else "scalar"
        count = f" · element {flat}" if len(self.sheet.info.shape) > 1 else ""
        return f"{place}{count} · {_signed(str(value.item()))}{pruned}"


_ROLES = {
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.BackgroundRole,
}


def cell_text(value: Any) -> str:
    """A number in at most six significant digits; whole numbers and bools as they are."""
    number = value.item()
    if isinstance(number, float) and number != number:
        return "NaN"
    return _signed(f"{number:.6g}" if isinstance(number, float | complex) else str(number))


def _signed(text: str) -> str:
    return text.replace("-", "−")


def page_steps(sheet: Sheet, wanted: Iterable[tuple[Key, Area]]) -> Iterator[Page | None]:
    """Pages, read one after another; None to give way."""
    for key, area in wanted:
        found: list[Array] = []
        for part in sheet.values(area):
            if part is None:
                yield None
            else:
                found.append(part)
        yield Page(key, np.concatenate(found))
