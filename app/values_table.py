"""The table of a tensor's elements: what is seen of it, what is selected, and the keys for it."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.values_model import GONE, ValuesModel
from pruner.pyramid import Area

_ROW = 24
_WIDEST: dict[str, str] = {"float": "−1.23457e−05", "scale": "1.23457e−05", "complex": "−1.23457e−05−1.23457e−05j"}
_WHOLE = {1: "−128", 2: "−32768", 4: "−2147483648", 8: "−9223372036854775808"}


class ValuesTable(QTableView):
    """One rectangle of it is selected at a time: cells, rows, columns or all."""

    copy_asked = Signal()
    goto_asked = Signal()
    pointed = Signal()
    """The current cell or the selection is another."""

    def __init__(self, model: ValuesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values = model
        self.setModel(model)
        self.setObjectName("values_table")
        self.setAccessibleName("Values")
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        down, across = self.verticalHeader(), self.horizontalHeader()
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(_ROW)
        down.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        across.setMinimumSectionSize(40)
        for header in (down, across):  # with the table's own, a header asks each of a million cells if it is selected
            header.setSelectionModel(QItemSelectionModel(model, header))
        self.selectionModel().selectionChanged.connect(lambda *_: self.pointed.emit())
        self.selectionModel().currentChanged.connect(lambda *_: self.pointed.emit())

    def fit_columns(self) -> None:
        """Make all columns as wide as the longest number of the type needs."""
        sheet = self._values.sheet
        if sheet is None:
            return
        dtype = sheet.info.dtype_info
        text = _WIDEST.get(dtype.family, "False" if dtype.family == "bool" else _WHOLE.get(dtype.itemsize, "−128"))
        if self._values.shown == "both" and sheet.mask is not None:
            text += f" {GONE}"
        names = (sheet.grid.column_name(column) for column in (0, sheet.grid.columns - 1))
        width = max(self.fontMetrics().horizontalAdvance(one) for one in (text, *names))
        self.horizontalHeader().setDefaultSectionSize(width + 16)

    @property
    def seen(self) -> Area:
        """The rows and columns that are, at least in part, in sight; of this part of the tensor."""
        model, port = self._values, self.viewport().rect()
        rows, columns = model.rowCount(), model.columnCount()
        top, left = self.rowAt(port.top()), self.columnAt(port.left())
        bottom, right = self.rowAt(port.bottom()), self.columnAt(port.right())
        return Area(
            max(top, 0), max(left, 0), rows if bottom < 0 else bottom + 1, columns if right < 0 else right + 1
        ).within(Area(0, 0, rows, columns))

    @property
    def chosen(self) -> Area | None:
        """What is selected, in rows and columns of the whole tensor; None where nothing is."""
        selection = self.selectionModel().selection()
        ranges = [selection.at(place) for place in range(selection.count())]
        if not ranges:
            return None
        tops, lefts = [one.top() for one in ranges], [one.left() for one in ranges]
        bottom, right = max(one.bottom() for one in ranges), max(one.right() for one in ranges)
        first = self._values.first
        return Area(first + min(tops), min(lefts), first + bottom + 1, right + 1)

    def go_to(self, row: int, column: int) -> None:
        """Select a cell of this part, in the middle of what is seen."""
        index = self._values.index(row, column)
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies, G goes to an index."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        elif event.key() == Qt.Key.Key_G and not event.modifiers():
            self.goto_asked.emit()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Letters look for nothing: it would read all of the tensor."""
