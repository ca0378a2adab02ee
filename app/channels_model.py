"""The table of a tensor's channels: a row each, made only where it is seen."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, Qt
from PySide6.QtGui import QColor

from app import numbers
from app.channel_listing import Listing, change
from app.channel_ways import Key
from app.columns import AT_RIGHT, NO_INDEX, Index, head
from app.theme import current

KEYS: tuple[Key | None, ...] = ("index", None, "sparsity", "sparsity", "l1", "l2")
"""By what a click on each column's head sorts."""
ELEMENTS = 1
"""The column of the elements."""
_TITLES = ("Index", "Elements", "Zeros", "Sparsity", "L1 norm", "L2 norm")
_SORTED = {"index": 0, "sparsity": 3, "l1": 4, "l2": 5}


class ChannelsModel(QAbstractTableModel):
    """Channels as they are listed, with the numbers of each before and after."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: Listing | None = None

    def show_listing(self, found: Listing | None) -> None:
        """Show these channels."""
        self.beginResetModel()
        self._found = found
        self.endResetModel()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() or self._found is None else len(self._found.places)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(KEYS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(self._title(section), "", AT_RIGHT, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self._found is None:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return AT_RIGHT
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._exactly(index.row(), index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole and index.column() == 0:
            return self._found.describe(index.row())
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1:
            return QColor(current().muted)
        return None

    def _title(self, column: int) -> str:
        """A column's head, with an arrow where it is sorted by."""
        if self._found is None:
            return _TITLES[column]
        wanted = self._found.wanted
        title = "Head" if column == 0 and wanted.way.heads is not None else _TITLES[column]
        arrow = "▾" if wanted.order.descending else "▴"
        return f"{arrow} {title}" if column == _SORTED[wanted.order.key] else title

    def _text(self, row: int, column: int) -> str:
        assert self._found is not None
        found, place = self._found.figures, self._found.places[row]
        if column == 0:
            return self._found.label(row)
        if column == 1:
            return numbers.count(found.elements)
        zeros = int(found.zeros[place])
        if column == 2:
            return numbers.count(zeros)
        if column == 3:
            return numbers.percent(zeros / found.elements)
        return change(*self._norms(row, column))

    def _exactly(self, row: int, column: int) -> str:
        """All digits, and what is pruned."""
        assert self._found is not None
        place = self._found.places[row]
        if column < 4:
            found = self._found.figures
            zeros, pruned = (numbers.count(int(counts[place])) for counts in (found.zeros, found.pruned))
            return f"{zeros} of {numbers.count(found.elements)} elements are zero, {pruned} of them pruned"
        before, after = self._norms(row, column)
        return f"before {before!r}, after {after!r}"

    def _norms(self, row: int, column: int) -> tuple[float, float]:
        assert self._found is not None
        if column == 5:
            before, after = self._found.l2
            return float(before[row]), float(after[row])
        figures, place = self._found.figures, self._found.places[row]
        return float(figures.l1_before[place]), float(figures.l1_after[place])
