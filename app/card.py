"""A titled box of the right panel."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)


class Card(QFrame):
    """A titled box."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(16, 12, 16, 12)
        self.box.setSpacing(8)
        self.heading = QHBoxLayout()
        self.box.addLayout(self.heading)
        label = QLabel(title, self)
        label.setProperty("role", "title")
        self.heading.addWidget(label, 1)

    def add_label(self, text: str, role: str) -> QLabel:
        """Put a line of text at the end."""
        label = QLabel(text, self)
        label.setProperty("role", role)
        label.setWordWrap(True)
        self.box.addWidget(label)
        return label
