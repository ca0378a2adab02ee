"""The classes and functions that a file names, as a table: what loading it by pickle would run."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, Qt
from PySide6.QtGui import QColor, QIcon

from app.columns import AT_LEFT, NO_INDEX, Index, head
from app.plain import clipped, plain_tip
from app.style import icon
from app.theme import Theme, current
from app.verdicts import RANK, WORDS, ranked, used
from pruner.pickles.danger import GlobalUse, Verdict

SORT_ROLE = Qt.ItemDataRole.UserRole
_SIGNS: dict[Verdict, str] = {"dangerous": "warning", "code": "code", "plain": "check"}
_CELL, _TIP = 300, 1000
"""Characters that a cell and a tooltip show at most: a file may name anything, at any length."""


class Column(IntEnum):
    """The columns of the table."""

    NAME = 0
    USED = 1
    VERDICT = 2
    WHY = 3


HEADERS = {
    Column.NAME: ("Name", "The class or function, with its package"),
    Column.USED: ("Used", "“called”: loading would call it. “named”: loading would import its package and look it up"),
    Column.VERDICT: ("Verdict", "“builds data” is harmless, “runs code” is code of a package, “dangerous” is neither"),
    Column.WHY: ("Why", "What it would do"),
}


class GlobalsModel(QAbstractTableModel):
    """One row a class or function, the dangerous ones first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._uses: list[GlobalUse] = []

    def set_uses(self, uses: tuple[GlobalUse, ...]) -> None:
        """Show these."""
        self.beginResetModel()
        self._uses = ranked(uses)
        self.endResetModel()

    def text_of(self, row: int) -> str:
        """A row as text, its cells parted by tabs, in full length."""
        return "\t".join(_texts(self._uses[row]))

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._uses)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(*HEADERS[Column(section)], AT_LEFT, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        use, column, theme = self._uses[index.row()], Column(index.column()), current()
        text = _texts(use)[column]
        if role == Qt.ItemDataRole.DisplayRole:
            return clipped(text, _CELL)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(clipped(text, _TIP))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{HEADERS[column][0]}: {clipped(text, _CELL)}"
        if role == SORT_ROLE:
            return RANK[use.verdict] if column == Column.VERDICT else text.lower()
        if role == Qt.ItemDataRole.DecorationRole and column == Column.VERDICT:
            return _sign(_SIGNS[use.verdict], _colour(use.verdict, theme))
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(_colour(use.verdict, theme) if column == Column.VERDICT else theme.ink)
        if role == Qt.ItemDataRole.BackgroundRole and use.verdict == "dangerous":
            return QColor(theme.removed)
        return None


def _texts(use: GlobalUse) -> tuple[str, str, str, str]:
    return use.name, used(use), WORDS[use.verdict], use.why


def _colour(verdict: Verdict, theme: Theme) -> str:
    return {"dangerous": theme.error, "code": theme.warning, "plain": theme.muted}[verdict]


@lru_cache(maxsize=16)
def _sign(name: str, colour: str) -> QIcon:
    return icon(name, colour)
