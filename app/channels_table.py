"""The table view of a tensor's channels."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from app.channels_model import ELEMENTS, ChannelsModel
from app.rows_table import dress_rows

_WIDTHS = (64, 76, 76, 72)
_NARROW = 480
"""Pixels below which norms need the room of the elements, which are as many in every row."""


class ChannelsTable(QTableView):
    """Rows of channels; a click on a column's head asks for another order."""

    row_chosen = Signal(int)
    """The current row is another one; -1 where there is none."""
    entered_row = Signal(int)
    """A row was double-clicked, or Enter pressed on it."""

    def __init__(self, model: ChannelsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setObjectName("channels_table")
        self.setMinimumHeight(80)
        header = dress_rows(self, "Channels")
        header.setSectionsClickable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(_WIDTHS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, width)
        self.selectionModel().currentRowChanged.connect(lambda now, _: self.row_chosen.emit(now.row()))
        self.activated.connect(lambda index: self.entered_row.emit(index.row()))

    @property
    def row(self) -> int:
        """The current row; -1 where there is none."""
        return self.currentIndex().row()

    def choose(self, row: int) -> None:
        """Make a row the current one, and bring it into view."""
        self.setCurrentIndex(self.model().index(row, 0))
        self.scrollTo(self.currentIndex())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setColumnHidden(ELEMENTS, self.width() < _NARROW)
