"""What an empty window offers: open a file, the recent ones, the bundled model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtSvgWidgets import QSvgWidget
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.plain import menu_text, plain_tip
from app.recent import recent_files
from resources import icon

_MOST = 6


class StartPage(QWidget):
    """Shown while nothing is open."""

    open_requested = Signal()
    demo_requested = Signal()
    recent_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start_page")
        mark = QSvgWidget(str(icon("secateur")), self)
        mark.setFixedSize(72, 72)
        title = QLabel("<h2>Secateur</h2>", self)
        what = QLabel("Open a PyTorch checkpoint, prune it by magnitude, see what that does, and save it.", self)
        what.setWordWrap(True)
        self.open_button = QPushButton("Open…", self)
        self.open_button.setProperty("primary", True)
        self.open_button.setToolTip("Ctrl+O")
        self.demo_button = QPushButton("Open the bundled model", self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.demo_button)
        buttons.addStretch(1)
        drop = QLabel("Or drop a file anywhere in this window.", self)
        drop.setProperty("role", "muted")
        self._recent_title = QLabel("Recent files", self)
        self._recent_title.setProperty("role", "title")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        column = QVBoxLayout()
        column.setSpacing(12)
        for widget in (mark, title, what):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(drop)
        column.addSpacing(8)
        column.addWidget(self._recent_title)
        column.addLayout(self._recent)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addLayout(column, 4)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        layout.addLayout(middle)
        layout.addStretch(3)
        self.open_button.clicked.connect(self.open_requested)
        self.demo_button.clicked.connect(self.demo_requested)

    def showEvent(self, event: QShowEvent) -> None:
        """List the recent files anew."""
        self._fill()
        super().showEvent(event)

    def _fill(self) -> None:
        while (item := self._recent.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        paths = recent_files()[:_MOST]
        self._recent_title.setVisible(bool(paths))
        for path in paths:
            self._recent.addWidget(self._link(path))

    def _link(self, path: Path) -> QPushButton:
        there = path.exists()
        button = QPushButton(menu_text(path.name if there else f"{path.name} (not found)"), self)
        button.setProperty("role", "link")
        button.setEnabled(there)
        button.setToolTip(plain_tip(str(path)))
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(partial(self._chosen, str(path)))
        return button

    def _chosen(self, path: str, *_: object) -> None:
        self.recent_requested.emit(path)
