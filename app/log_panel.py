"""The bottom panels that keep what was told and what was done: messages and jobs."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app import numbers
from app.messages import Message
from app.plain import plain_tip
from app.session import Session
from app.style import icon
from app.theme import current

_MOST = 500


class _LogPanel(QWidget):
    """A list of lines with their time, newest last; Ctrl+C copies the chosen ones."""

    def __init__(self, name: str, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = _CopyList(self)
        self.list.setAccessibleName(name)
        self._empty = QLabel(empty, self)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self.list, 1)
        self.list.hide()

    def add(self, text: str, sign: str, colour: str, details: str = "") -> None:
        """Put a line at the end."""
        time = QDateTime.currentDateTime().toString("HH:mm:ss")
        item = QListWidgetItem(icon(sign, colour), f"{time}  {text}")
        item.setToolTip(plain_tip(details))
        item.setData(Qt.ItemDataRole.UserRole, f"{text}\n{details}".strip())
        self.list.addItem(item)
        if self.list.count() > _MOST:
            self.list.takeItem(0)
        self.list.scrollToBottom()
        self._empty.hide()
        self.list.show()


class _CopyList(QListWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.setWordWrap(True)

    def keyPressEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        if event.matches(QKeySequence.StandardKey.Copy):
            chosen = [item.data(Qt.ItemDataRole.UserRole) for item in self.selectedItems()]
            QGuiApplication.clipboard().setText("\n".join(chosen))
            return
        super().keyPressEvent(event)


class MessagesPanel(_LogPanel):
    """What was told, from the start of the program on."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Messages", "No messages yet", parent)
        session.message.connect(self._told)

    def _told(self, message: Message) -> None:
        theme = current()
        signs = {
            "info": ("info", theme.muted),
            "warning": ("warning", theme.warning),
            "error": ("warning", theme.error),
            "bug": ("warning", theme.error),
        }
        sign, colour = signs[message.severity]
        self.add(message.text, sign, colour, message.details)


class JobsPanel(_LogPanel):
    """The work that ended, with the time it took."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Jobs", "Opening, pruning and saving are listed here with their times", parent)
        session.work.ended.connect(self._ended)

    def _ended(self, title: str, seconds: float) -> None:
        self.add(f"{title} · {numbers.duration(seconds)}", "info", current().muted)
