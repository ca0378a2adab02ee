"""The module tree as an item model: what the file holds, what is planned, and what that would leave."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QFont

from app import numbers, plan_text
from app.columns import AT_LEFT, AT_RIGHT, NO_INDEX, Index, head
from app.forecast import Outlook
from app.ledger import Counts, Sums, columns_of, running
from app.plain import plain_tip
from app.session import Session
from app.tree_columns import HEADERS, RIGHT, Column
from app.tree_rows import Row, Rows, SortKey
from pruner import TensorInfo
from pruner.plan import is_candidate

SHARE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The sparsity as a float in [0, 1], for the bar; None while it is not known."""


class TreeModel(QAbstractItemModel):
    """Modules and tensors of the session's checkpoint, under a filter."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._words = ""
        self._flat = False
        self._sorting: tuple[Column, bool] | None = None
        self._rows = Rows(session.forest)
        self._sums: Sums | None = None
        self._taken: Counts | None = None
        self._bold = QFont()
        self._bold.setBold(True)
        session.checkpoint_changed.connect(self._rebuild)
        session.amounts_changed.connect(self._refresh)
        session.pruning_changed.connect(self._refresh)
        session.method_changed.connect(self._refresh)
        session.counts_changed.connect(self._refresh)

    # What the view asks

    def index(self, row: int, column: int, parent: Index = NO_INDEX) -> QModelIndex:
        # hasIndex would ask for the same rows again: it takes most of the time of unfolding a large tree.
        below = self._rows.children(self.row_of(parent)) if parent.column() <= 0 else []
        if not (0 <= row < len(below) and 0 <= column < len(Column)):
            return QModelIndex()
        return self.createIndex(row, column, below[row].id)

    def parent(self, index: Index = NO_INDEX) -> QModelIndex:  # type: ignore[override]
        above = self.row_of(index).parent if index.isValid() else None
        if above is None or above is self._rows.root:
            return QModelIndex()
        return self.createIndex(above.place, 0, above.id)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return len(self._rows.children(self.row_of(parent))) if parent.column() <= 0 else 0

    def hasChildren(self, parent: Index = NO_INDEX) -> bool:
        row = self.row_of(parent)
        if row.info is not None or parent.column() > 0:
            return False
        first, end = self._rows.span(row)
        return first < end

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(*HEADERS[Column(section)], AT_RIGHT if section in RIGHT else AT_LEFT, orientation, role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        editable = index.isValid() and index.column() == Column.AMOUNT and self._session.choice.takes_amount
        if editable and self._can_plan(self.row_of(index)):
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
        if role == Qt.ItemDataRole.TextAlignmentRole and column in RIGHT:
            return AT_RIGHT
        if role == Qt.ItemDataRole.FontRole and row.node is not None and column == Column.NAME:
            return self._bold
        if role == SHARE_ROLE and column == Column.SPARSITY:
            outlook = self._outlook(row)
            return outlook.now / outlook.numel if outlook and outlook.numel else None
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; column -1 is the order of the file."""
        self._sorting = None if column < 0 else (Column(column), order == Qt.SortOrder.DescendingOrder)
        self._rebuild()

    # What the panel asks

    def row_of(self, index: Index) -> Row:
        """The row behind an index; the invisible root for an invalid one."""
        if not index.isValid():
            return self._rows.root
        return self._rows.made[index.internalId()]

    def index_of(self, name: str, column: Column = Column.NAME) -> QModelIndex:
        """The index of a tensor; invalid where the filter hides it."""
        row = self._rows.find(name)
        return self.createIndex(row.place, column, row.id) if row is not None else QModelIndex()

    def names_under(self, index: Index) -> list[str]:
        """The tensor at an index; under a module, all that are pruned by default."""
        row = self.row_of(index)
        if row.info is not None:
            return [row.info.name] if self._session.is_prunable(row.info) else []
        return [info.name for info in self._rows.tensors(row) if self._is_default(info)]

    def shows(self, name: str) -> bool:
        """Whether the filter lets a tensor through."""
        return self._rows.shows(name)

    def levels_within(self, most: int) -> int:
        """How many levels can be unfolded for at most so many rows."""
        return self._rows.within(most)

    def _can_plan(self, row: Row) -> bool:
        if row.info is not None:
            return self._session.is_prunable(row.info)
        return any(self._is_default(info) for info in self._rows.tensors(row))

    def _is_default(self, info: TensorInfo) -> bool:
        return is_candidate(info) and self._session.is_prunable(info)

    def set_filter(self, words: str, flat: bool) -> None:
        """Show only the tensors that have all words in their name, kind, type or shape."""
        if (words, flat) != (self._words, self._flat):
            self._words, self._flat = words, flat
            self._rebuild()

    @property
    def shown(self) -> int:
        """Number of tensors that the filter lets through."""
        return len(self._rows.kept)

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
        if outlook.planned is None:
            return numbers.figure(None)
        return numbers.percent(outlook.planned / outlook.numel) if outlook.planned != outlook.now else None

    def _amount_text(self, row: Row) -> str | None:
        """What is asked for and how much that is; for a module, how many tensors take part."""
        planned = self._session.next_round
        if row.info is not None:
            return plan_text.amount_cell(planned, row.info.name)
        if not planned.planned:
            return None
        if self._taken is None:
            infos = self._session.forest.infos
            names = (infos[place].name for place in self._rows.kept.tolist())
            self._taken = running(np.array([name in planned.planned for name in names], np.int64))
        first, end = self._rows.span(row)
        count = int(self._taken[end] - self._taken[first])
        return numbers.plural(count, "tensor") if count else None

    def _edit_text(self, row: Row) -> str:
        amounts = self._session.amounts
        found = {amount for info in self._rows.tensors(row) if (amount := amounts.get(info.name)) is not None}
        return str(found.pop()) if len(found) == 1 else ""

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
            if zeros is None:
                return "Only the round itself tells"
            return f"{numbers.plural(zeros, 'zero')} of {numbers.plural(outlook.numel, 'element')}"
        if column == Column.SIZE and row.info is not None:
            return numbers.plural(row.info.nbytes, "byte")
        if column == Column.AMOUNT:
            why = plan_text.amount_note(self._session.next_round, row.info.name) if row.info is not None else ""
            return why or HEADERS[column][1]
        return None

    def _outlook(self, row: Row) -> Outlook | None:
        """Zeros now and as planned, of what is known; sums are kept until something changes."""
        if row.info is not None:
            return self._session.outlook(row.info.name)
        checkpoint, forest = self._session.checkpoint, self._session.forest
        if checkpoint is None:
            return None
        if self._sums is None:
            places, ledger = forest.order[self._rows.kept], self._session.next_round.ledger
            self._sums = Sums(columns_of(checkpoint).numels[places], ledger.now[places], ledger.after[places])
        return self._sums.outlook(*self._rows.span(row))

    # Changes

    def _rebuild(self) -> None:
        self.beginResetModel()
        self._forget()
        key, descending = (self._sort_key(self._sorting[0]), self._sorting[1]) if self._sorting else (None, False)
        self._rows = Rows(self._session.forest, self._words, self._flat, key, descending)
        self.endResetModel()

    def _sort_key(self, column: Column) -> SortKey:
        def key(row: Row) -> Any:
            if column == Column.ELEMENTS:
                return row.numel
            if column == Column.SIZE:
                return sum(info.nbytes for info in self._rows.tensors(row))
            if column in (Column.SPARSITY, Column.AFTER):
                outlook = self._outlook(row)
                zeros = None if outlook is None else outlook.now if column == Column.SPARSITY else outlook.planned
                return zeros / outlook.numel if zeros is not None and outlook and outlook.numel else -1.0
            if column == Column.AMOUNT:
                planned = self._session.next_round
                names = [info.name for info in self._rows.tensors(row) if info.name in planned.planned]
                return sum(planned.count(name) or 0 for name in names), len(names)
            return (self._text(row, column) or "").lower()

        return key

    def _refresh(self) -> None:
        """Tell the view that numbers changed: the rows stay, so nothing collapses or jumps.

        One signal stands for all levels, since a signal for each module takes longer than drawing what is seen.
        """
        self._forget()
        if below := self._rows.children(self._rows.root):
            first, last = below[0], below[-1]
            self.dataChanged.emit(
                self.createIndex(first.place, Column.SPARSITY, first.id),
                self.createIndex(last.place, Column.AFTER, last.id),
            )

    def _forget(self) -> None:
        self._sums = self._taken = None
