"""A field for one option of a method: its name, an editor fit for its type, and what it means."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.plain import plain_label
from app.refusals import forgive, show_refusal

_SHORT_WIDTH = 96


class OptionField(QWidget):
    """A titled line, and what it is for; a line for a file is as wide as there is room, with a button that browses."""

    committed = Signal()
    """What was typed is to be taken."""

    def __init__(
        self,
        name: str,
        title: str,
        about: str,
        parent: QWidget | None = None,
        *,
        steps: bool = False,
        file: bool = False,
    ) -> None:
        """`steps` lets the arrow keys count up and down."""
        super().__init__(parent)
        self._about = about
        self.line = _Line(steps, self)
        self.line.setObjectName(f"option_{name}")
        self.line.setAccessibleName(title)
        self.line.setAccessibleDescription(about)
        self.line.setWhatsThis(about)
        self.note = plain_label(self)
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self.note.setText(about)
        label = QLabel(title, self)
        label.setBuddy(self.line)
        row = QHBoxLayout()
        row.setSpacing(8)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        if file:
            box.addWidget(label)
            row.addWidget(self.line, 1)
            row.addWidget(self._browse_button(title))
        else:
            row.addWidget(label, 1)
            self.line.setFixedWidth(_SHORT_WIDTH)
            self.line.setAlignment(Qt.AlignmentFlag.AlignRight)
            row.addWidget(self.line)
        box.addLayout(row)
        box.addWidget(self.note)
        self.line.textEdited.connect(self.forgive)
        self.line.returnPressed.connect(self.committed)
        self.line.stepped.connect(self.committed)
        self.line.editingFinished.connect(self._left)

    def show_value(self, text: str) -> None:
        """Show what holds, unless something else is being typed."""
        if not self.line.isModified():
            self.take(text)

    def take(self, text: str) -> None:
        """Show what holds, and forget what was typed."""
        if self.line.text() != text:
            self.line.setText(text)
        self.line.setModified(False)
        self.forgive()

    def refuse(self, reason: str) -> None:
        """Keep what was typed, mark it as wrong, and say why."""
        show_refusal(self.line, reason)
        self._say(reason, "error")

    def forgive(self) -> None:
        """Show the field as usual."""
        forgive(self.line)
        self.line.setAccessibleDescription(self._about)
        self._say(self._about, "muted")

    def _say(self, text: str, role: str) -> None:
        if self.note.property("role") == role and self.note.text() == text:
            return
        self.note.setText(text)
        self.note.setProperty("role", role)
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)

    def _left(self) -> None:
        if self.line.isModified() and not self.line.property("wrong"):
            self.committed.emit()

    def _browse_button(self, title: str) -> QPushButton:
        button = QPushButton("Browse…", self)
        button.setObjectName("browse")
        button.setAccessibleName(f"Browse for {title.lower()}")
        button.clicked.connect(self._browse)
        return button

    def _browse(self) -> None:
        dialog = QFileDialog(self, self.line.accessibleName(), self.line.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._browsed)
        dialog.open()

    def _browsed(self, path: str) -> None:
        self.line.setText(path)
        self.line.setModified(True)
        self.committed.emit()


class _Line(QLineEdit):
    """A line in which the arrow keys count whole numbers up and down, where it steps."""

    stepped = Signal()

    def __init__(self, steps: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._steps = steps

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        try:
            number = int(self.text()) + step
        except ValueError:
            step = 0
        if not step or not self._steps:
            super().keyPressEvent(event)
            return
        self.setText(str(number))
        self.setModified(True)
        self.stepped.emit()
