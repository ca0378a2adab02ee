"""A line above the document that says what went wrong, to what, and what to do; details folded."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.plain import plain_label
from app.session import Message
from app.style import icon
from app.theme import current


class Banner(QFrame):
    """Shows the last error or warning until it is closed or another takes its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.setObjectName("banner")
        self.setAccessibleName("Message")
        self._sign = QLabel(self)
        self.text = plain_label(self)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._unfold = QPushButton("Details", self)
        self._unfold.setCheckable(True)
        self._copy = QPushButton("Copy", self)
        close = self._close = QToolButton(self)
        close.setAccessibleName("Close the message")
        self.details = QPlainTextEdit(self)
        self.details.setReadOnly(True)
        self.details.setMaximumHeight(180)
        row = QHBoxLayout()
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        for button in (self._unfold, self._copy, close):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self._unfold.toggled.connect(self.details.setVisible)
        self._copy.clicked.connect(self._copy_all)
        close.clicked.connect(self.hide)
        self.hide()

    def show_message(self, message: Message) -> None:
        """Show an error, a warning, or a fault of ours with its traceback."""
        theme = current()
        self._close.setIcon(icon("close"))
        serious = message.severity in ("error", "bug")
        self._sign.setPixmap(icon("warning", theme.error if serious else theme.warning).pixmap(20, 20))
        self._sign.setAccessibleName("Error" if serious else "Warning")
        self.text.setText(message.text)
        self.details.setPlainText(message.details)
        self._unfold.setVisible(bool(message.details))
        self._unfold.setChecked(False)
        self.details.setVisible(False)
        self.show()

    def _copy_all(self) -> None:
        text = "\n".join(part for part in (self.text.text(), self.details.toPlainText()) if part)
        QGuiApplication.clipboard().setText(text)
