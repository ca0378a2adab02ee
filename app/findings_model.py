"""What the doctor found, as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from app import numbers
from app.columns import AT_LEFT, NO_INDEX, Index, head
from app.plain import plain_tip
from app.style import icon
from app.theme import current
from pruner.doctor import Finding, Repair, Severity

_WORDS: dict[Severity, str] = {"fault": "Fault", "risk": "Risk", "note": "Note"}


class Column(IntEnum):
    """What a column shows."""

    SEVERITY, TEXT, REPAIR = range(3)


_TITLES = {Column.SEVERITY: "", Column.TEXT: "Finding", Column.REPAIR: "Repair"}


class FindingsModel(QAbstractTableModel):
    """One row a finding; those with a repair that is not done yet can be ticked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._findings: tuple[Finding, ...] = ()
        self._ticked: set[int] = set()
        self._done: frozenset[int] = frozenset()

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show these, each repair of a fault ticked."""
        self.beginResetModel()
        self._findings = tuple(findings)
        self._ticked = {place for place, one in enumerate(findings) if one.repair and one.severity == "fault"}
        self._done = frozenset()
        self.endResetModel()

    def show_done(self, repairs: Collection[Repair]) -> None:
        """Show which repairs have been done."""
        self._done = frozenset(place for place, one in enumerate(self._findings) if one.repair in repairs)
        if self._findings:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._findings) - 1, len(Column) - 1))

    def finding(self, row: int) -> Finding:
        """The finding in a row."""
        return self._findings[row]

    @property
    def chosen(self) -> tuple[Finding, ...]:
        """The findings whose repair is ticked and not done."""
        return tuple(self._findings[place] for place in sorted(self._ticked - self._done))

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._findings)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(_TITLES[Column(section)], "", AT_LEFT, orientation, role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if self._can_tick(index) else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        one, column = self._findings[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return {
                Column.SEVERITY: _WORDS[one.severity],
                Column.TEXT: numbers.thinned(one.text),
                Column.REPAIR: self._repair(index.row(), one),
            }[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip({Column.TEXT: f"{one.text} {one.meaning}"}.get(column, self._repair(index.row(), one)))
        if role == Qt.ItemDataRole.DecorationRole and column == Column.SEVERITY:
            theme = current()
            colour = {"fault": theme.error, "risk": theme.warning, "note": theme.muted}[one.severity]
            return icon("info" if one.severity == "note" else "warning", colour)
        if role == Qt.ItemDataRole.CheckStateRole and self._can_tick(index):
            return Qt.CheckState.Checked if index.row() in self._ticked else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not self._can_tick(index):
            return False
        if Qt.CheckState(value) == Qt.CheckState.Checked:
            self._ticked.add(index.row())
        else:
            self._ticked.discard(index.row())
        self.dataChanged.emit(index, index, [role])
        return True

    def _can_tick(self, index: Index) -> bool:
        return (
            index.isValid()
            and index.column() == Column.REPAIR
            and self._findings[index.row()].repair is not None
            and index.row() not in self._done
        )

    def _repair(self, row: int, one: Finding) -> str:
        if one.repair is None:
            return "None in the file"
        title = numbers.thinned(one.repair.title)
        return f"Done: {title}" if row in self._done else title
