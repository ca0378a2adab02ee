"""What the item models share: how a cell is named, how texts are aligned, and the heads of columns."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
"""The root: the parent of a table's rows."""
AT_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
AT_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
"""Where numbers stand."""


def head(title: str, explanation: str, alignment: int, orientation: Qt.Orientation, role: int) -> Any:
    """What a model's `headerData` says of a column; rows have no heads."""
    if orientation != Qt.Orientation.Horizontal:
        return None
    if role == Qt.ItemDataRole.DisplayRole:
        return title
    if role == Qt.ItemDataRole.ToolTipRole:
        return explanation or None
    return alignment if role == Qt.ItemDataRole.TextAlignmentRole else None
