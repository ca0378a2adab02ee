"""The patterns of a recipe with what each matches, as a table."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QObject, Qt
from PySide6.QtGui import QColor

from app import numbers
from app.amount_text import written
from app.columns import AT_LEFT, AT_RIGHT, NO_INDEX, Index, head
from app.plain import clipped, plain_tip
from app.theme import current
from pruner.methods import described
from pruner.recipes.matching import PatternMatch, RecipeMatch, RoundMatch

_MOST = 200
_NAMED = 12


class Column(IntEnum):
    """The columns in their order."""

    ROUND = 0
    PATTERN = 1
    AMOUNT = 2
    TENSORS = 3
    ELEMENTS = 4


_TITLES = {
    Column.ROUND: "Round",
    Column.PATTERN: "Pattern",
    Column.AMOUNT: "Amount",
    Column.TENSORS: "Tensors",
    Column.ELEMENTS: "Elements",
}
_RIGHT = (Column.AMOUNT, Column.TENSORS, Column.ELEMENTS)


class RecipeRows(QAbstractTableModel):
    """One row a pattern; what is wrong with it is red, and says so."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[int, RoundMatch, PatternMatch]] = []

    def show_match(self, match: RecipeMatch | None) -> None:
        """Show what a recipe matches."""
        self.beginResetModel()
        rounds = match.rounds if match is not None else ()
        self._rows = [(number, one, row) for number, one in enumerate(rounds, start=1) for row in one.patterns]
        self.endResetModel()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        return head(_TITLES[Column(section)], "", _alignment(Column(section)), orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        number, one, row = self._rows[index.row()]
        column = Column(index.column())
        answers: dict[int, Callable[[], object]] = {
            Qt.ItemDataRole.DisplayRole: lambda: _text(number, one, row, column),
            Qt.ItemDataRole.ToolTipRole: lambda: plain_tip(row.problem or _told(row, column)),
            Qt.ItemDataRole.TextAlignmentRole: lambda: _alignment(column),
            Qt.ItemDataRole.ForegroundRole: lambda: QColor(current().error) if row.problem else None,
        }
        return answers[role]() if role in answers else None


def _alignment(column: Column) -> int:
    return AT_RIGHT if column in _RIGHT else AT_LEFT


def _text(number: int, one: RoundMatch, row: PatternMatch, column: Column) -> str:
    if column is Column.ROUND:
        together = ", all together" if one.round.scope == "global" else ""
        return f"{number}  {clipped(described(one.round.method), _MOST)}{together}"
    if column is Column.PATTERN:
        return clipped(row.pattern, _MOST)
    if column is Column.AMOUNT:
        return "held out" if row.excludes else written(row.amount) if row.amount is not None else "–"
    if row.problem:
        return "wrong" if column is Column.TENSORS else "–"
    return numbers.count(len(row.names) if column is Column.TENSORS else row.elements)


def _told(row: PatternMatch, column: Column) -> str:
    """The tensors that a pattern takes, the first of many; or the pattern with its line."""
    if column is Column.PATTERN:
        return f"{row.pattern} (line {row.line})" if row.line else row.pattern
    if column is not Column.TENSORS:
        return ""
    more = len(row.names) - _NAMED
    passed = f" Passed over: {numbers.plural(row.passed_over, 'tensor')}." if row.passed_over else ""
    none = "None that the round would take" if row.excludes else "None: later patterns take all that it matches"
    names = ", ".join(row.names[:_NAMED]) or none
    return f"{names}{f' and {numbers.count(more)} more' if more > 0 else ''}.{passed}"
