"""What is selected in the tree and what is selected in the session, kept the same."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QObject, Qt
from PySide6.QtWidgets import QApplication

from app.amount_tree import AmountTree
from app.columns import Index
from app.session import Session
from app.tree_columns import Column
from app.tree_model import TreeModel

_MOST = 500
"""Of more selected tensors the view is told of those that are seen: it looks through all for each cell it draws."""
_FLAGS = QItemSelectionModel.SelectionFlag


class TreeSelection(QObject):
    """Selecting rows selects their tensors, and the other way round."""

    def __init__(self, session: Session, model: TreeModel, view: AmountTree) -> None:
        super().__init__(view)
        self._session, self._model, self._view = session, model, view
        self._syncing = False
        self._many: frozenset[str] = frozenset()
        view.selectionModel().selectionChanged.connect(self._selected)
        view.all_wanted.connect(self._select_all)
        session.selection_changed.connect(self.show)
        bar = view.verticalScrollBar()
        for signal in (bar.valueChanged, bar.rangeChanged, view.expanded, view.collapsed):
            signal.connect(self._show_seen)

    def targets(self, index: Index) -> list[str]:
        """The tensors that an edit at an index is for: in a selected row all that is selected, else that row."""
        name = self._model.row_of(index).name
        if name in self._many:
            return self._prunable(self._session.selected)
        chosen = self._view.selectionModel().selectedRows(Column.NAME)
        if len(chosen) > 1 and index.sibling(index.row(), Column.NAME) in chosen:
            return list(dict.fromkeys(name for one in chosen for name in self._model.names_under(one)))
        return self._model.names_under(index)

    def show(self) -> None:
        """Select the rows of what is selected in the session, and scroll to the first."""
        if self._syncing:
            return
        names = self._session.selected
        self._many = frozenset(names) if len(names) > _MOST else frozenset()
        found = (self._model.index_of(name) for name in names)
        indexes = [index for index in found if index.isValid()] if not self._many else []
        first = indexes[0] if indexes else self._model.index_of(names[0]) if names else QModelIndex()
        self._syncing = True
        if first.isValid():
            self._view.setCurrentIndexKeepingSelection(first)
            self._view.scrollTo(first)
        self._syncing = False
        self._mark(indexes or self._seen())

    def _prunable(self, names: Iterable[str]) -> list[str]:
        checkpoint = self._session.checkpoint
        assert checkpoint is not None
        return [name for name in names if self._session.is_prunable(checkpoint[name])]

    def _seen(self) -> list[QModelIndex]:
        """The rows that are seen, of many that are selected."""
        index, bottom = self._view.indexAt(self._view.viewport().rect().topLeft()), self._view.viewport().height()
        found = []
        while self._many and index.isValid() and self._view.visualRect(index).top() < bottom:
            if self._model.row_of(index).name in self._many:
                found.append(index.siblingAtColumn(Column.NAME))
            index = self._view.indexBelow(index)
        return found

    def _show_seen(self, *_: object) -> None:
        if self._many and not self._syncing:
            self._mark(self._seen())

    def _mark(self, indexes: Iterable[QModelIndex]) -> None:
        selection = QItemSelection()
        for index in indexes:
            selection.select(index, index.siblingAtColumn(len(Column) - 1))
        self._syncing = True
        self._view.selectionModel().select(selection, _FLAGS.ClearAndSelect)
        self._syncing = False

    def _select_all(self) -> None:
        checkpoint = self._session.checkpoint
        if checkpoint is not None:
            self._session.select([name for name in checkpoint.tensors if self._model.shows(name)])

    def _selected(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        if self._syncing:
            return
        names = self._names(self._view.selectionModel().selectedRows(Column.NAME))
        if self._many and QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier:
            gone = set(self._names(deselected.indexes()))
            have = dict.fromkeys(name for name in self._session.selected if name not in gone)
            names = list(have | dict.fromkeys(names))
        current = self._model.row_of(self._view.currentIndex()).info
        if current is not None and current.name in names:
            names.remove(current.name)
            names.insert(0, current.name)
        if not names:
            return
        self._syncing = True
        self._session.select(names)
        self._syncing = False
        self._many = frozenset(names) if len(names) > _MOST else frozenset()
        self._show_seen()

    def _names(self, indexes: Iterable[QModelIndex]) -> list[str]:
        rows = (self._model.row_of(index) for index in indexes if index.column() == Column.NAME)
        return [row.info.name for row in rows if row.info is not None]
