"""The module tree as an item model: what the file holds, what is planned, and what that would leave."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont

from app import numbers
from app.plain import plain_tip
from app.session import Session
from app.tree_rows import Row, SortKey, build_rows
from app.zeros import Outlook
from pruner import Amount, PrunerError, TensorInfo
from pruner.plan import is_candidate

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
SHARE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The sparsity as a float in [0, 1], for the bar; None while it is not known."""


class Column(IntEnum):
    """The columns of the tree."""

    NAME = 0
    SHAPE = 1
    ELEMENTS = 2
    SPARSITY = 3
    AMOUNT = 4
    AFTER = 5
    KIND = 6
    DTYPE = 7
    SIZE = 8


HEADERS = {
    Column.NAME: ("Name", "The tensor's or module's name"),
    Column.SHAPE: ("Shape", "Sizes of the dimensions; the class of a module where the file tells it"),
    Column.ELEMENTS: ("Elements", "Number of elements"),
    Column.SPARSITY: ("Sparsity", "Zeros / elements, of the values as they would be saved now"),
    Column.AMOUNT: ("Amount", "What the next round prunes: a ratio (30%) or a count (1000). Type to set it"),
    Column.AFTER: ("After", "Sparsity after the planned round"),
    Column.KIND: ("Kind", "Parameter or buffer; “tensor” where the file does not tell"),
    Column.DTYPE: ("Type", "Element type"),
    Column.SIZE: ("Size", "Bytes of the values"),
}
_RIGHT = {Column.SHAPE, Column.ELEMENTS, Column.SPARSITY, Column.AMOUNT, Column.AFTER, Column.SIZE}


class TreeModel(QAbstractItemModel):
    """Modules and tensors of the session's checkpoint, under a filter."""

    refused = Signal(str)
    """Why an amount was not taken."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._words = ""
        self._flat = False
        self._sorting: tuple[Column, bool] | None = None
        self._root = Row(None, None, None)
        self._all = [self._root]
        self._rows: dict[str, Row] = {}
        self._outlooks: dict[Row, Outlook | None] = {}
        self._bold = QFont()
        self._bold.setBold(True)
        session.checkpoint_changed.connect(self._rebuild)
        session.amounts_changed.connect(self._refresh)
        session.pruning_changed.connect(self._refresh)
        session.zeros_changed.connect(self._refresh)

    # What the view asks

    def index(self, row: int, column: int, parent: Index = NO_INDEX) -> QModelIndex:
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, self.row_of(parent).children[row].id)

    def parent(self, index: Index = NO_INDEX) -> QModelIndex:  # type: ignore[override]
        above = self.row_of(index).parent if index.isValid() else None
        if above is None or above is self._root:
            return QModelIndex()
        return self.createIndex(above.place, 0, above.id)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return len(self.row_of(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        title, explanation = HEADERS[Column(section)]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            return explanation
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        if index.isValid() and index.column() == Column.AMOUNT and self.names_under(index):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self.row_of(index), Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.EditRole:
            return self._edit_text(row) if column == Column.AMOUNT else self._text(row, column)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._explanation(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._explanation(row, column) or "")
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole and row.node is not None and column == Column.NAME:
            return self._bold
        if role == SHARE_ROLE and column == Column.SPARSITY:
            outlook = self._outlook(row)
            return outlook.now / outlook.numel if outlook and outlook.numel else None
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.AMOUNT:
            return False
        try:
            self._session.set_amounts(self.names_under(index), read_amount(str(value)))
        except PrunerError as error:
            self.refused.emit(str(error))
            return False
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; column -1 is the order of the file."""
        self._sorting = None if column < 0 else (Column(column), order == Qt.SortOrder.DescendingOrder)
        self._rebuild()

    # What the panel asks

    def row_of(self, index: Index) -> Row:
        """The row behind an index; the invisible root for an invalid one."""
        if not index.isValid():
            return self._root
        return self._all[index.internalId()]

    def index_of(self, name: str, column: Column = Column.NAME) -> QModelIndex:
        """The index of a tensor; invalid where the filter hides it."""
        row = self._rows.get(name)
        return self.createIndex(row.place, column, row.id) if row is not None else QModelIndex()

    def names_under(self, index: Index) -> list[str]:
        """The tensor at an index; under a module, all that are pruned by default."""
        row = self.row_of(index)
        if row.info is not None:
            return [row.info.name] if self._session.is_prunable(row.info) else []
        return [info.name for info in row.tensors() if is_candidate(info) and self._session.is_prunable(info)]

    def set_filter(self, words: str, flat: bool) -> None:
        """Show only the tensors that have all words in their name, kind, type or shape."""
        if (words, flat) != (self._words, self._flat):
            self._words, self._flat = words, flat
            self._rebuild()

    @property
    def shown(self) -> int:
        """Number of tensors that the filter lets through."""
        return len(self._rows)

    # Cells

    def _text(self, row: Row, column: Column) -> str | None:
        if column == Column.ELEMENTS:
            return numbers.short_count(row.numel)
        if column == Column.AMOUNT:
            return self._amount_text(row)
        if column in (Column.SPARSITY, Column.AFTER):
            return self._share_text(row, column)
        if row.info is not None:
            return self._tensor_text(row.info, column)
        assert row.node is not None
        if column == Column.NAME:
            return row.node.label
        if column == Column.SHAPE and row.node.type:
            return row.node.type.rpartition(".")[2]
        return None

    def _tensor_text(self, info: TensorInfo, column: Column) -> str | None:
        if column == Column.NAME:
            return info.name if self._flat else info.name.rpartition(".")[2]
        if column == Column.SHAPE:
            return numbers.compact_shape(info.shape)
        if column == Column.KIND:
            return info.kind
        if column == Column.DTYPE:
            return info.dtype
        return numbers.size(info.nbytes)

    def _share_text(self, row: Row, column: Column) -> str | None:
        outlook = self._outlook(row)
        if outlook is None or not outlook.numel:
            return None
        if column == Column.SPARSITY:
            return numbers.percent(outlook.now / outlook.numel)
        return numbers.percent(outlook.planned / outlook.numel) if outlook.planned != outlook.now else None

    def _amount_text(self, row: Row) -> str | None:
        """What was asked for and how many elements that is; for a module, how many tensors have an amount."""
        amounts = self._session.amounts
        if row.info is not None:
            amount = amounts.get(row.info.name)
            if amount is None:
                return None
            count = numbers.count(self._session.planned_count(row.info.name) or 0)
            return f"{written(amount)} = {count}" if amount.is_ratio else f"{count} el."
        if not amounts:
            return None
        planned = sum(info.name in amounts for info in row.tensors())
        return numbers.plural(planned, "tensor") if planned else None

    def _edit_text(self, row: Row) -> str:
        names = [info.name for info in row.tensors()]
        found = {self._session.amounts.get(name) for name in names if name in self._session.amounts}
        only = found.pop() if len(found) == 1 else None
        return str(only) if only is not None else ""

    def _explanation(self, row: Row, column: Column) -> str | None:
        if column == Column.NAME:
            return row.name
        if column == Column.ELEMENTS:
            return numbers.plural(row.numel, "element")
        if column == Column.SHAPE:
            return numbers.shape(row.info.shape) if row.info is not None else row.node.type if row.node else None
        outlook = self._outlook(row) if column in (Column.SPARSITY, Column.AFTER) else None
        if outlook is not None:
            zeros = outlook.now if column == Column.SPARSITY else outlook.planned
            return f"{numbers.plural(zeros, 'zero')} of {numbers.plural(outlook.numel, 'element')}"
        if column == Column.SIZE and row.info is not None:
            return numbers.plural(row.info.nbytes, "byte")
        return HEADERS[column][1] if column == Column.AMOUNT else None

    def _outlook(self, row: Row) -> Outlook | None:
        """Zeros now and as planned, of what is known; kept until something changes."""
        if row in self._outlooks:
            return self._outlooks[row]
        if row.info is not None:
            found = self._session.outlook(row.info.name)
        else:
            known = [part for child in row.children if (part := self._outlook(child)) is not None]
            found = sum(known, Outlook(0, 0, 0)) if known else None
        self._outlooks[row] = found
        return found

    # Changes

    def _rebuild(self) -> None:
        self.beginResetModel()
        self._root = build_rows(self._session.tree, self._words, self._flat)
        self._outlooks.clear()
        if self._sorting is not None:
            column, descending = self._sorting
            self._root.sort(self._sort_key(column), descending)
        self._all = [self._root]
        for row in self._all:
            self._all.extend(row.children)
        for place, row in enumerate(self._all):
            row.id = place
        self._rows = {row.info.name: row for row in self._all if row.info is not None}
        self.endResetModel()

    def _sort_key(self, column: Column) -> SortKey:
        def key(row: Row) -> Any:
            if column == Column.ELEMENTS:
                return row.numel
            if column == Column.SIZE:
                return sum(info.nbytes for info in row.tensors())
            if column in (Column.SPARSITY, Column.AFTER):
                outlook = self._outlook(row)
                zeros = 0 if outlook is None else outlook.now if column == Column.SPARSITY else outlook.planned
                return zeros / outlook.numel if outlook and outlook.numel else -1.0
            if column == Column.AMOUNT:
                return sum(self._session.planned_count(info.name) or 0 for info in row.tensors())
            return (self._text(row, column) or "").lower()

        return key

    def _refresh(self) -> None:
        """Tell the view that numbers changed: the rows stay, so nothing collapses or jumps.

        One signal stands for all levels, since a signal for each module takes longer than drawing what is seen.
        """
        self._outlooks.clear()
        if self._root.children:
            first, last = self._root.children[0], self._root.children[-1]
            self.dataChanged.emit(
                self.createIndex(first.place, Column.SPARSITY, first.id),
                self.createIndex(last.place, Column.AFTER, last.id),
            )


def read_amount(text: str) -> Amount | None:
    """The amount that was typed; None for an empty text, which takes the amount away. Raises as `Amount.parse`."""
    return Amount.parse(text) if text.strip() else None


def written(amount: Amount) -> str:
    """An amount as the window shows it: `30 %`, `1 000`."""
    return str(amount).replace("%", f"{numbers.THIN}%") if amount.is_ratio else numbers.count(int(amount.value))
