"""The left panel: what the model is, a filter, and the amounts."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.amount_tree import AmountTree
from app.root_row import RootRow
from app.session import Session
from app.timers import once
from app.tree_columns import HEADERS, Column
from app.tree_delegates import AmountDelegate, SparsityDelegate
from app.tree_model import TreeModel
from app.tree_selection import TreeSelection
from pruner import PrunerError
from pruner.plan import is_candidate

_TYPING_MS = 120
_EXPAND_BELOW, _MOST_FOUND = 400, 1000
"""Up to so many tensors all is unfolded; of what is found in larger models as many levels as have so many rows."""
_WIDTHS = {
    Column.NAME: 156,
    Column.SHAPE: 86,
    Column.ELEMENTS: 80,
    Column.SPARSITY: 104,
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
        self._selection = TreeSelection(session, self.model, self.view)
        self.view.setItemDelegateForColumn(Column.SPARSITY, SparsityDelegate(self.view))
        self.view.setItemDelegateForColumn(Column.AMOUNT, AmountDelegate(session, self._selection.targets, self.view))
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.part_toggled.connect(self.toggle_part)
        self.view.amount_typed.connect(self._say_no_amount)
        self.view.header().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.header().customContextMenuRequested.connect(self._show_columns_menu)
        self.view.setSortingEnabled(True)
        for column, width in _WIDTHS.items():
            self.view.setColumnWidth(column, width)
        self.roots = RootRow(session, self)
        self.roots.chosen.connect(self.root_chosen)
        self.filter = QLineEdit(self)
        self.count = QLabel(self)
        self._typing = once(self, _TYPING_MS, self._apply_filter)
        self._lay_out()
        self.model.modelReset.connect(self._restore)
        self.model.dataChanged.connect(lambda *_: self.view.viewport().update())
        session.checkpoint_changed.connect(self._opened)
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
            self._session.select([name for name in names if self.model.shows(name)])

    def toggle_part(self) -> None:
        """Have what is selected take part, or hold it out, where the method takes no amount."""
        names = self._selection.targets(self.view.currentIndex())
        if names and not self._session.choice.takes_amount:
            self._part(self._session.toggle_part, names)

    # Set-up

    def _lay_out(self) -> None:
        self.setObjectName("tree_panel")
        self.setWhatsThis(
            "The modules and tensors of the checkpoint. Select a tensor to see it; type a number to plan its amount: "
            "30% or 0.3 is a ratio, 1000 is a count; press F2 to type a target, such as to 80%. Select several to give "
            "all of them the same amount. Where the method takes no amount, Space has tensors take part."
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
        if self.model.shown <= _EXPAND_BELOW:
            self.view.expandAll()
        else:
            levels = self.model.levels_within(_MOST_FOUND) if self.filter.text() else 0
            self.view.expandToDepth(max(0, levels - 2))
        self._selection.show()
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

    # Menus

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        menu = QMenu(self)
        names = self._selection.targets(index)
        takes_amount = self._session.choice.takes_amount
        if takes_amount:
            edit = menu.addAction("Set amount…")
            edit.setEnabled(bool(names))
            edit.triggered.connect(lambda: self.view.edit(index.siblingAtColumn(Column.AMOUNT)))
        else:
            take = menu.addAction("Take part")
            take.setEnabled(any(name not in self._session.amounts for name in names))
            take.triggered.connect(lambda: self._part(self._session.take_part, names))
        clear = menu.addAction("Clear amount" if takes_amount else "Hold out")
        clear.setEnabled(any(name in self._session.amounts for name in names))
        menu.addSeparator()
        copy = menu.addAction("Copy name")
        menu.addSeparator()
        expand = menu.addAction("Unfold all")
        collapse = menu.addAction("Fold all")
        clear.triggered.connect(lambda: self._session.set_amounts(names, None))
        copy.triggered.connect(lambda: self.view.copy_name())
        expand.triggered.connect(self.view.expandAll)
        collapse.triggered.connect(self.view.collapseAll)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _part(self, change: Callable[[list[str]], None], names: list[str]) -> None:
        try:
            change(names)
        except PrunerError as error:
            self._session.tell("error", str(error))

    def _say_no_amount(self) -> None:
        choice = self._session.choice
        if not choice.takes_amount:
            self._session.tell("info", f"{choice.kind.title} takes no amount: press Space to have a tensor take part.")

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
