"""Tables whose rows have tints of their own: the selected row keeps its tint and gets a frame."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from app.theme import current

Index = QModelIndex | QPersistentModelIndex


def outline_rows(table: QTableView) -> None:
    """Show the table's selected row by a frame, so that what a tint says can still be seen."""
    table.setItemDelegate(_Outline(table))


class _Outline(QStyledItemDelegate):
    """Draws the frame cell by cell: lines above and below, and at the row's ends."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        own = QStyleOptionViewItem(option)
        if index.data(Qt.ItemDataRole.BackgroundRole) is not None:
            own.state &= ~QStyle.StateFlag.State_Selected
        super().paint(painter, own, index)
        if selected:
            painter.save()
            painter.setPen(QPen(QColor(current().accent), 1))
            painter.drawLines(_frame(option, index))
            painter.restore()


def _frame(option: QStyleOptionViewItem, index: Index) -> list[QLineF]:
    box = QRectF(option.rect).adjusted(0, 0.5, -0.5, -0.5)
    lines = [QLineF(box.topLeft(), box.topRight()), QLineF(box.bottomLeft(), box.bottomRight())]
    if index.column() == 0:
        lines.append(QLineF(box.left() + 0.5, box.top(), box.left() + 0.5, box.bottom()))
    if index.column() == index.model().columnCount() - 1:
        lines.append(QLineF(box.right(), box.top(), box.right(), box.bottom()))
    return lines
