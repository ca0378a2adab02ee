"""A line above the document that says what went wrong, to what, and what to do; details folded."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QGuiApplication
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

from app.messages import Message
from app.plain import breakable, plain_label
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
        self._action: QAction | None = None
        self._said = ""
        self._serious = False
        self.offer = QPushButton(self)
        self.offer.setObjectName("offer")
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
        for button in (self.offer, self._unfold, self._copy, close):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self._unfold.toggled.connect(self.details.setVisible)
        self._copy.clicked.connect(self._copy_all)
        close.clicked.connect(self.hide)
        self.offer.clicked.connect(self._run_offer)
        self.hide()

    def show_message(self, message: Message, offer: QAction | None = None) -> None:
        """Show an error, a warning, or a fault of ours with its traceback, and a button for the command that helps."""
        self._take(offer)
        self._serious = message.severity in ("error", "bug")
        self._dress()
        self._said = message.text
        self.text.setText(breakable(message.text))
        self.details.setPlainText(message.details)
        self._unfold.setVisible(bool(message.details))
        self._unfold.setChecked(False)
        self.details.setVisible(False)
        self.show()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.isVisible():
            self._dress()

    def _dress(self) -> None:
        """Draw the signs in the theme's colours."""
        theme = current()
        self._close.setIcon(icon("close"))
        self._sign.setPixmap(icon("warning", theme.error if self._serious else theme.warning).pixmap(20, 20))
        self._sign.setAccessibleName("Error" if self._serious else "Warning")

    def withdraw(self, offer: QAction) -> None:
        """Close the message that offers this command: there is no need of it any more."""
        if self._action is offer:
            self.hide()
            self._take(None)

    def _take(self, offer: QAction | None) -> None:
        """The button is seen while its command can run."""
        if self._action is not None:
            self._action.changed.disconnect(self._show_offer)
        self._action = offer
        if offer is not None:
            offer.changed.connect(self._show_offer)
        self._show_offer()

    def _show_offer(self) -> None:
        self.offer.setVisible(self._action is not None and self._action.isEnabled())
        if self._action is not None:
            self.offer.setText(self._action.iconText())
            self.offer.setToolTip(self._action.toolTip())

    def _run_offer(self) -> None:
        if self._action is not None:
            self._action.trigger()

    def _copy_all(self) -> None:
        text = "\n".join(part for part in (self._said, self.details.toPlainText()) if part)
        QGuiApplication.clipboard().setText(text)
