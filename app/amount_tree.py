"""The view of the module tree, with the keys that plan."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTreeView, QWidget

from app.tree_columns import Column


class AmountTree(QTreeView):
    """A tree in which typing a number edits the amount of the current row."""

    part_toggled = Signal()
    """Space was pressed."""
    all_wanted = Signal()
    """All that is shown is to be selected."""
    amount_typed = Signal()
    """A number was typed where there is no amount to edit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIndentation(12)
        header = self.header()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.setStretchLastSection(False)
        header.setSectionsMovable(True)
        header.setSortIndicatorClearable(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(40)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        text = event.text()
        if text and (text.isdigit() or text == "."):
            if not self.edit_amount(text):
                self.amount_typed.emit()
            return
        if event.key() == Qt.Key.Key_Space:
            self.part_toggled.emit()
            return
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.edit_amount(""):
            return
        super().keyPressEvent(event)

    def selectAll(self) -> None:
        """Leave it to who knows all rows: the view would go through each of them, and only where they are unfolded."""
        self.all_wanted.emit()

    def edit_amount(self, text: str) -> bool:
        """Open the amount's editor of the current row with this text in it; False where there is none."""
        index = self.currentIndex().siblingAtColumn(Column.AMOUNT)
        if not index.isValid() or not self.model().flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        self.setCurrentIndexKeepingSelection(index)
        self.edit(index)
        editors = self.findChildren(QLineEdit, "amount_editor")
        if not editors:
            return False
        editors[-1].setText(text)  # one that is closing may still be there, before it
        editors[-1].setModified(True)
        return True

    def setCurrentIndexKeepingSelection(self, index: QModelIndex) -> None:
        """Move the cursor to an index; what is selected stays."""
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)

    def copy_name(self) -> None:
        """Put the current row's full name on the clipboard."""
        name = self.currentIndex().siblingAtColumn(Column.NAME).data(Qt.ItemDataRole.AccessibleDescriptionRole)
        QGuiApplication.clipboard().setText(name or "")
