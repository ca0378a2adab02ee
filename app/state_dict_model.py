"""The keys of a state_dict as a table: before, or as they would be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QAbstractTableModel, QObject, Qt
from PySide6.QtGui import QColor

from app import numbers
from app.columns import AT_LEFT, NO_INDEX, Index, head
from app.plain import plain_tip
from app.theme import current
from pruner import Checkpoint, Pruning
from pruner.export import Form

State = Literal["same", "added", "removed", "changed"]
HEADERS = ("", "Key", "Shape", "Type", "")
_SIGNS: dict[State, str] = {"same": "", "added": "+", "removed": "−", "changed": "~"}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, the tensor it comes from, and what became of it."""

    key: str
    tensor: str
    shape: str
    dtype: str
    state: State
    note: str


@dataclass(frozen=True, eq=False)
class Sides:
    """The keys of both sides, each in its own order."""

    before: tuple[KeyRow, ...]
    after: tuple[KeyRow, ...]


def compare(checkpoint: Checkpoint, pruning: Pruning | None, form: Form) -> Sides:
    """The keys of the file, and those that the form would save."""
    entries = form.entries(checkpoint, pruning or Pruning())
    saved = {entry.name for entry in entries}
    changed = {entry.name: entry for entry in entries if entry.role == "zeroed"}
    before = []
    for info in checkpoint.tensors.values():
        state: State = "removed" if info.name not in saved else "changed" if info.name in changed else "same"
        note = {"removed": "removed", "changed": "values change"}.get(state, "")
        before.append(KeyRow(info.name, info.name, numbers.compact_shape(info.shape), info.dtype, state, note))
    after = []
    for entry in entries:
        new = entry.name not in checkpoint.tensors
        state = "added" if new else "changed" if entry.role == "zeroed" else "same"
        note = f"new {entry.kind}" if new else ""
        if entry.role == "zeroed" and entry.mask is not None:
            note = f"{numbers.count(entry.mask.pruned)} pruned to 0"
        source = entry.source
        after.append(KeyRow(entry.name, source.name, numbers.compact_shape(source.shape), source.dtype, state, note))
    return Sides(tuple(before), tuple(after))


class KeysModel(QAbstractTableModel):
    """Rows of keys; what was added, removed or changed has a sign, a word and a tint."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[KeyRow] = ()
        self._places: dict[str, int] = {}

    def set_rows(self, rows: Sequence[KeyRow]) -> None:
        """Show these keys."""
        self.beginResetModel()
        self._rows = rows
        self._places = {}
        for place, row in enumerate(rows):
            self._places.setdefault(row.tensor, place)
        self.endResetModel()

    def row_at(self, place: int) -> KeyRow:
        """The key in a row."""
        return self._rows[place]

    def place_of(self, tensor: str) -> int | None:
        """The first row that comes from a tensor."""
        return self._places.get(tensor)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return head(HEADERS[section], "", AT_LEFT, orientation, role)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        texts = (_SIGNS[row.state], row.key, row.shape, row.dtype, row.note)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(texts[index.column()])
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.state} {row.key} {row.shape} {row.dtype} {row.note}"
        theme = current()
        if role == Qt.ItemDataRole.BackgroundRole and row.state != "same":
            return QColor(theme.removed if row.state in ("removed", "changed") else theme.added)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(theme.ink if row.state != "same" and index.column() < 2 else theme.muted)
        return None
