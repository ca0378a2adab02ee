"""How cells of the module tree are drawn and edited: the sparsity's bar, the amount's editor."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QAbstractItemModel, QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.amount_text import HINT, read_amount
from app.columns import AT_RIGHT, Index
from app.refusals import forgive, show_refusal
from app.session import Session
from app.theme import current
from app.tree_model import SHARE_ROLE
from pruner import PrunerError

_BAR_WIDTH, _BAR_HEIGHT, _MARGIN = 32, 6, 8


class SparsityDelegate(QStyledItemDelegate):
    """The share as a number, with a small bar before it."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        styled = QStyleOptionViewItem(option)
        self.initStyleOption(styled, index)
        text = styled.text
        styled.text = ""
        style = styled.widget.style() if styled.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, styled, painter, styled.widget)
        share = index.data(SHARE_ROLE)
        if share is None:
            return
        theme = current()
        box = QRectF(styled.rect)
        bar = QRectF(box.left() + _MARGIN, box.center().y() - _BAR_HEIGHT / 2 + 0.5, _BAR_WIDTH, _BAR_HEIGHT)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.line))
        painter.drawRoundedRect(bar, 3, 3)
        if share > 0:
            painter.setBrush(QColor(theme.accent))
            painter.drawRoundedRect(QRectF(bar.topLeft(), bar.size()).adjusted(0, 0, (share - 1) * _BAR_WIDTH, 0), 3, 3)
        painter.setPen(QColor(theme.ink if share else theme.muted))
        painter.drawText(box.adjusted(0, 0, -_MARGIN, 0), AT_RIGHT, text)
        painter.restore()


class AmountDelegate(QStyledItemDelegate):
    """An editor that takes `30%`, `0.3`, `1000` or `to 80%`, and keeps what is wrong open with the reason beside it."""

    def __init__(self, session: Session, targets: Callable[[Index], list[str]], parent: QObject | None = None) -> None:
        """`targets` tells which tensors an edit at an index is for."""
        super().__init__(parent)
        self._session = session
        self._targets = targets

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setObjectName("amount_editor")
        editor.setAccessibleName("Amount")
        editor.setPlaceholderText(HINT)
        editor.setAlignment(Qt.AlignmentFlag.AlignRight)
        editor.setStyleSheet("padding: 0 4px; border-radius: 4px;")
        editor.setProperty("names", self._targets(index))
        editor.textEdited.connect(self._forgive)
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        editor.setGeometry(option.rect.adjusted(0, 1, 0, -1))

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        line = cast(QLineEdit, editor)
        if not line.isModified():
            line.setText(index.data(Qt.ItemDataRole.EditRole))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        line = cast(QLineEdit, editor)
        if line.isModified() and self._refusal(line) is None:
            self._session.set_amounts(line.property("names"), read_amount(line.text()))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Return and Tab leave the editor only with an amount that can be read."""
        leaves = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
        if event.type() == QEvent.Type.KeyPress and cast(QKeyEvent, event).key() in leaves:
            line = cast(QLineEdit, editor)
            reason = self._refusal(line)
            if reason is not None:
                show_refusal(line, reason)
                return True
        return super().eventFilter(editor, event)

    def _refusal(self, line: QLineEdit) -> str | None:
        names = line.property("names") or []
        try:
            amount = read_amount(line.text())
            if amount is not None:
                self._session.require_fit(names, amount)
        except PrunerError as error:
            return str(error)
        return None

    def _forgive(self) -> None:
        line = self.sender()
        if isinstance(line, QLineEdit):
            forgive(line)
