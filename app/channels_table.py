"""The table view of a tensor's channels."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.channels_model import ELEMENTS, ChannelsModel

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
        self.setAccessibleName("Channels")
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMinimumHeight(80)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setHighlightSections(False)
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
