"""The tensors of two checkpoints as a table, which fills as they are compared."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor

from app import numbers
from app.columns import AT_LEFT, AT_RIGHT, NO_INDEX, Index, head
from app.compare_words import RANK, SIGNS, WORDS, cosine
from app.comparison import Comparison, Row
from app.plain import clipped, plain_tip
from app.theme import current
from pruner.pairs import Difference

SORT_ROLE = Qt.ItemDataRole.UserRole
_CELL, _TIP = 300, 1000


class Column(IntEnum):
    """The columns of the table."""

    NAME = 0
    STATE = 1
    CHANGED = 2
    LARGEST = 3
    RELATIVE = 4
    COSINE = 5
    ZEROS_HERE = 6
    ZEROS_THERE = 7
    MASKS = 8


HEADERS = {
    Column.NAME: ("Tensor", "The tensor's name; that of the second file stands in the tip where it is another"),
    Column.STATE: ("State", "Whether the values are equal, and which file has the tensor"),
    Column.CHANGED: ("Differ", "Elements whose values differ; NaN equals NaN"),
    Column.LARGEST: ("Largest", "The largest absolute difference of two elements"),
    Column.RELATIVE: ("Relative", "Norm of the difference over the norm of the document's values: ‖a − b‖₂ / ‖a‖₂"),
    Column.COSINE: ("Cosine", "Cosine of the angle between both tensors; 1 is the same direction"),
    Column.ZEROS_HERE: ("Zeros here", "Zeros of the document's tensor"),
    Column.ZEROS_THERE: ("Zeros there", "Zeros of the second file's tensor"),
    Column.MASKS: (
        "Masks agree",
        "Elements that both keep or both prune; 0 counts as pruned where a mask is missing",
    ),
}
Figure = tuple[float | None, str, str]
"""A figure to sort by, its text, and the text with all digits."""


class CompareModel(QAbstractTableModel):
    """One row a pair of tensors, or a tensor that has no partner."""

    def __init__(self, comparison: Comparison, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._comparison = comparison
        self._rows: list[Row] = []
        comparison.changed.connect(self._reset)
        comparison.filled.connect(self._refresh)

    def row_at(self, place: int) -> Row:
        """The pair in a row."""
        return self._rows[place]

    def _reset(self) -> None:
        self.beginResetModel()
        self._rows = list(self._comparison.rows)
        self.endResetModel()

    def _refresh(self, places: list[int]) -> None:
        for place in places:
            self._rows[place] = self._comparison.rows[place]
        for first, last in runs_of(places):
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(Column) - 1))

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(*HEADERS[Column(section)], _alignment(Column(section)), orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column, theme = self._rows[index.row()], Column(index.column()), current()
        value, text, full = cell(row, column)
        if column <= Column.STATE:
            text, full = clipped(text, _CELL), clipped(full, _TIP)
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(full)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{HEADERS[column][0]}: {text or 'none'}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == SORT_ROLE:
            return row.pair.name.lower() if column == Column.NAME else value
        if role == Qt.ItemDataRole.ForegroundRole:
            if row.state == "unreadable":
                return QColor(theme.warning)
            return QColor(theme.muted if row.state in ("equal", "unknown") else theme.ink)
        if role == Qt.ItemDataRole.BackgroundRole and row.state in ("here", "there"):
            return QColor(theme.added if row.state == "there" else theme.removed)
        return None


class CompareProxy(QSortFilterProxyModel):
    """The rows whose name has a text in it, perhaps only those that differ; sorted where a header was clicked."""

    def __init__(self, model: CompareModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._text, self._only_changed = "", False
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)

    def narrow(self, text: str, only_changed: bool) -> None:
        """Show the names that have all words of a text in them."""
        self._text, self._only_changed = text.lower(), only_changed
        self.invalidate()

    def lessThan(self, left: Index, right: Index) -> bool:
        one, other = (self._model.data(index, SORT_ROLE) for index in (left, right))
        if one is None or other is None:  # what is not known comes last in either order
            missing = one is None if self.sortOrder() == Qt.SortOrder.DescendingOrder else other is None
            return missing and not (one is None and other is None)
        return bool(one < other)

    def filterAcceptsRow(self, place: int, parent: Index) -> bool:
        row = self._model.row_at(place)
        if self._only_changed and row.state == "equal":
            return False
        sides = (side.name for side in (row.pair.a, row.pair.b) if side is not None)
        named = " ".join((row.pair.name, *sides, WORDS[row.state])).lower()
        return all(word in named for word in self._text.split())


def runs_of(places: list[int]) -> list[tuple[int, int]]:
    """The first and the last of each run of places that follow one another."""
    found: list[tuple[int, int]] = []
    for place in sorted(set(places)):
        if found and place == found[-1][1] + 1:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found


def cell(row: Row, column: Column) -> Figure:
    """A cell's figure and texts; empty where it is not known, or there is none."""
    if column == Column.NAME:
        names = [side.name for side in (row.pair.a, row.pair.b) if side is not None]
        return None, row.pair.name, " ↔ ".join(dict.fromkeys(names))
    if column == Column.STATE:
        state = row.state
        found = row.difference
        full = row.problem or WORDS[state]
        if found is not None and found.changed is None:
            full = f"{WORDS[state]}: {numbers.shape(found.shapes[0])} here, {numbers.shape(found.shapes[1])} there"
        elif found is not None and found.dtypes[0] != found.dtypes[1]:
            full = f"{WORDS[state]}: {found.dtypes[0]} here, {found.dtypes[1]} there"
        return RANK.get(state, len(RANK)), f"{SIGNS[state]} {WORDS[state]}", full
    return _NUMBERS[column](row.difference) if row.difference is not None else (None, "", "")


def _count(value: int | None) -> Figure:
    text = "–" if value is None else numbers.count(value)
    return value, text, text


def _real(value: float | None) -> Figure:
    return value, numbers.figure(value), "" if value is None else repr(value)


def _cosine(value: float | None) -> Figure:
    return value, cosine(value), "" if value is None else repr(value)


def _masks(found: Difference) -> Figure:
    masks = found.masks
    if masks is None:
        return None, "–", ""
    jaccard = "" if masks.jaccard is None else f"; Jaccard of the pruned {masks.jaccard:.4f}"
    return masks.share, numbers.percent(masks.share), f"{masks.share:.6%} of the elements{jaccard}"


_NUMBERS: dict[Column, Callable[[Difference], Figure]] = {
    Column.CHANGED: lambda found: _count(found.changed),
    Column.LARGEST: lambda found: _real(found.max_abs_difference),
    Column.RELATIVE: lambda found: _real(found.relative),
    Column.COSINE: lambda found: _cosine(found.cosine),
    Column.ZEROS_HERE: lambda found: _count(found.zeros[0]),
    Column.ZEROS_THERE: lambda found: _count(found.zeros[1]),
    Column.MASKS: _masks,
}


def _alignment(column: Column) -> int:
    return AT_LEFT if column <= Column.STATE else AT_RIGHT
