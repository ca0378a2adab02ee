"""The left panel: what the model is, a filter, and the amounts."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.root_row import RootRow
from app.session import Session
from app.tree_delegates import AmountDelegate, Index, SparsityDelegate
from app.tree_model import HEADERS, Column, TreeModel
from pruner.plan import is_candidate

_TYPING_MS = 120
_EXPAND_BELOW = 400
_WIDTHS = {
    Column.NAME: 164,
    Column.SHAPE: 86,
    Column.ELEMENTS: 80,
    Column.SPARSITY: 102,
    Column.AMOUNT: 116,
    Column.AFTER: 72,
    Column.KIND: 84,
    Column.DTYPE: 84,
    Column.SIZE: 84,
}


class TreePanel(QWidget):
    """Modules and tensors; selecting shows a tensor, typing a number edits its amount."""

    root_chosen = Signal(str)
    """The key path of the dictionary of weights that the user wants to see."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = TreeModel(session, self)
        self.view = AmountTree(self)
        self.view.setModel(self.model)
        self.view.setItemDelegateForColumn(Column.SPARSITY, SparsityDelegate(self.view))
        self.view.setItemDelegateForColumn(Column.AMOUNT, AmountDelegate(session, self._targets, self.view))
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.selectionModel().selectionChanged.connect(self._selected)
        self.view.header().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.header().customContextMenuRequested.connect(self._show_columns_menu)
        self.view.setSortingEnabled(True)
        for column, width in _WIDTHS.items():
            self.view.setColumnWidth(column, width)
        self.roots = RootRow(session, self)
        self.roots.chosen.connect(self.root_chosen)
        self.filter = QLineEdit(self)
        self.count = QLabel(self)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._apply_filter)
        self._syncing = False
        self._lay_out()
        self.model.modelReset.connect(self._restore)
        self.model.dataChanged.connect(lambda *_: self.view.viewport().update())
        session.checkpoint_changed.connect(self._opened)
        session.selection_changed.connect(self._show_selection)
        self._restore()

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def select_candidates(self) -> None:
        """Select all floating-point parameters that are shown."""
        checkpoint = self._session.checkpoint
        if checkpoint is not None:
            names = [info.name for info in checkpoint.tensors.values() if is_candidate(info)]
            self._session.select([name for name in names if self.model.index_of(name).isValid()])

    # Set-up

    def _lay_out(self) -> None:
        self.setObjectName("tree_panel")
        self.setWhatsThis(
            "The modules and tensors of the checkpoint. Select a tensor to see it; type a number to plan its amount: "
            "30% or 0.3 is a ratio, 1000 is a count. Select several to give all of them the same amount."
        )
        self.filter.setObjectName("filter")
        self.filter.setPlaceholderText("Filter by name, kind, type, shape…")
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._typing.start)
        self.filter.returnPressed.connect(self._enter_tree)
        self.flat = QToolButton(self)
        self.flat.setText("List")
        self.flat.setCheckable(True)
        self.flat.setToolTip("Show the tensors as one list, without their modules")
        self.flat.setAccessibleName("Show as a list")
        self.flat.toggled.connect(self._apply_filter)
        self.count.setProperty("role", "muted")
        self.view.setObjectName("tree")
        self.view.setAccessibleName("Modules and tensors")
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.filter, 1)
        top.addWidget(self.flat)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.roots)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.count)

    # The filter

    def _apply_filter(self) -> None:
        self.model.set_filter(self.filter.text(), self.flat.isChecked())

    def _enter_tree(self) -> None:
        self._typing.stop()
        self._apply_filter()
        self.view.setFocus()

    def _opened(self) -> None:
        self.filter.clear()
        self._typing.stop()
        self._apply_filter()

    def _restore(self) -> None:
        """After the rows were made anew: unfold what is not too much, show the selection, say what is shown."""
        if self.model.shown <= _EXPAND_BELOW or self.filter.text():
            self.view.expandAll()
        else:
            self.view.expandToDepth(0)
        self._show_selection()
        checkpoint = self._session.checkpoint
        total = len(checkpoint.tensors) if checkpoint else 0
        shown = self.model.shown
        if checkpoint is None:
            self.count.setText("Open a checkpoint to see its modules and tensors.")
        elif shown == total:
            self.count.setText(numbers.plural(total, "tensor"))
        else:
            none = " Change the filter to see them." if not shown else ""
            self.count.setText(f"{numbers.count(shown)} of {numbers.plural(total, 'tensor')} shown.{none}")

    # The selection

    def _targets(self, index: Index) -> list[str]:
        """An edit in a selected row is for all that is selected; in any other for that row."""
        chosen = self.view.selectionModel().selectedRows(Column.NAME)
        if len(chosen) > 1 and index.sibling(index.row(), Column.NAME) in chosen:
            names = dict.fromkeys(name for one in chosen for name in self.model.names_under(one))
            return list(names)
        return self.model.names_under(index)

    def _selected(self, *_: QItemSelection) -> None:
        if self._syncing:
            return
        rows = [self.model.row_of(index) for index in self.view.selectionModel().selectedRows(Column.NAME)]
        names = [row.info.name for row in rows if row.info is not None]
        current = self.model.row_of(self.view.currentIndex())
        if current.info is not None and current.info.name in names:
            names.remove(current.info.name)
            names.insert(0, current.info.name)
        if names:
            self._syncing = True
            self._session.select(names)
            self._syncing = False

    def _show_selection(self) -> None:
        if self._syncing:
            return
        self._syncing = True
        flags = QItemSelectionModel.SelectionFlag
        selection = QItemSelection()
        indexes = [index for name in self._session.selected if (index := self.model.index_of(name)).isValid()]
        for index in indexes:
            selection.select(index, index.siblingAtColumn(len(Column) - 1))
        model = self.view.selectionModel()
        if indexes:
            model.setCurrentIndex(indexes[0], flags.NoUpdate)
            self.view.scrollTo(indexes[0])
        model.select(selection, flags.ClearAndSelect)
        self._syncing = False

    # Menus

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        menu = QMenu(self)
        edit = menu.addAction("Set amount…")
        edit.setEnabled(bool(self._targets(index)))
        clear = menu.addAction("Clear amount")
        names = self._targets(index)
        clear.setEnabled(any(name in self._session.amounts for name in names))
        menu.addSeparator()
        copy = menu.addAction("Copy name")
        menu.addSeparator()
        expand = menu.addAction("Unfold all")
        collapse = menu.addAction("Fold all")
        edit.triggered.connect(lambda: self.view.edit(index.siblingAtColumn(Column.AMOUNT)))
        clear.triggered.connect(lambda: self._session.set_amounts(names, None))
        copy.triggered.connect(lambda: self.view.copy_name())
        expand.triggered.connect(self.view.expandAll)
        collapse.triggered.connect(self.view.collapseAll)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _show_columns_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        group = QActionGroup(menu)
        group.setExclusionPolicy(QActionGroup.ExclusionPolicy.None_)
        for column in Column:
            action = QAction(HEADERS[column][0], menu, checkable=True)
            action.setChecked(not self.view.isColumnHidden(column))
            action.setEnabled(column != Column.NAME)
            action.toggled.connect(lambda shown, column=column: self.view.setColumnHidden(column, not shown))
            menu.addAction(action)
        menu.addSeparator()
        order = menu.addAction("Order of the file")
        order.triggered.connect(lambda: self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.header().mapToGlobal(place))


class AmountTree(QTreeView):
    """A tree in which typing a number edits the amount of the current row."""

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
        if text and (text.isdigit() or text == ".") and self.edit_amount(text):
            return
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.edit_amount(""):
            return
        super().keyPressEvent(event)

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
        from PySide6.QtGui import QGuiApplication

        name = self.currentIndex().siblingAtColumn(Column.NAME).data(Qt.ItemDataRole.AccessibleDescriptionRole)
        QGuiApplication.clipboard().setText(name or "")
