"""A tensor in numbers, before and after."""

from __future__ import annotations

from PySide6.QtCore import QSizeF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app import numbers
from app.figure import Figure
from app.figure_table import Table
from pruner.summaries import Figures

_ROWS: tuple[tuple[str, str], ...] = (
    ("Elements", "numel"),
    ("Zeros", "zeros"),
    ("Pruned", "pruned"),
    ("Distinct values", "distinct"),
    ("Smallest", "minimum"),
    ("Largest", "maximum"),
    ("Mean", "mean"),
    ("Standard deviation", "std"),
    ("L1 norm", "l1"),
    ("L2 norm", "l2"),
    ("NaN", "nan"),
    ("Infinite", "inf"),
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_DISTINCT = _ROWS.index(("Distinct values", "distinct"))
"""The row that large types do not have: their values are not counted."""


class FiguresView(QTableWidget):
    """One row a figure, one column each for the file's values and for those with the mask on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(len(_ROWS), 2, parent)
        self.setObjectName("figures")
        self.setAccessibleName("Figures")
        self.setHorizontalHeaderLabels(["Before", "After"])
        self.setVerticalHeaderLabels([title for title, _ in _ROWS])
        self.verticalHeader().setDefaultSectionSize(27)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMaximumSectionSize(170)
        self.horizontalHeader().setDefaultAlignment(_RIGHT)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)

    def show_figures(self, before: Figures | None, after: Figures | None) -> None:
        """Show the figures of the file's values and of what is left of them."""
        for column, found in enumerate((before, after)):
            for row, (_, name) in enumerate(_ROWS):
                self.setItem(row, column, _cell(None if found is None else getattr(found, name)))
        self.setRowHidden(_DISTINCT, before is None or before.distinct is None)

    @property
    def table(self) -> Table:
        """What is shown, as text."""
        rows = [
            (title, *(item.text() if (item := self.item(row, column)) else "" for column in range(2)))
            for row, (title, _) in enumerate(_ROWS)
            if not self.isRowHidden(row)
        ]
        return Table(("", "Before", "After"), tuple(rows))

    def figure(self) -> Figure | None:
        """The table, under the title of who knows the tensor's name; None while there are no figures."""
        if self.item(0, 0) is None:
            return None
        table = self.table
        rows = sum(self.rowHeight(row) for row in range(self.rowCount())) + self.horizontalHeader().height()
        columns = self.verticalHeader().width() + self.horizontalHeader().length()
        return Figure("Figures", "", QSizeF(columns, rows), table.body(), table.height, table.text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies the table as text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.table.text)
            return
        super().keyPressEvent(event)


def _cell(value: float | None) -> QTableWidgetItem:
    text = numbers.count(value) if isinstance(value, int) else numbers.figure(value)
    item = QTableWidgetItem(text)
    item.setTextAlignment(_RIGHT)
    item.setToolTip("" if value is None else repr(value))
    return item
