"""The way from the whole model to the module that is shown, each step a button."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.plain import clipped, menu_text, plain_tip

_LETTERS = 28
_FIRST, _LAST = 1, 4
"""Of a longer way the steps between the first and the last ones are left out."""


class Crumbs(QWidget):
    """The steps as links, the last one as text."""

    gone = Signal(int)
    """So many steps are to be kept."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("crumbs")
        self.setAccessibleName("Where in the model")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._row.addStretch(1)
        self._steps: list[QWidget] = []

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def show_path(self, titles: Sequence[str], names: Sequence[str]) -> None:
        """Show the way; `names` are what the titles stand for in full."""
        for old in self._steps:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._steps = []
        last = len(titles) - 1
        hidden = range(_FIRST, max(_FIRST, last + 1 - _LAST))
        for place, title in enumerate(titles):
            if place in hidden:
                if place == hidden[0]:
                    self._add(QLabel("… ›", self))
                continue
            self._add(self._step(place, title, names[place], place == last))
            if place != last:
                self._add(QLabel("›", self))

    def _step(self, place: int, title: str, name: str, last: bool) -> QWidget:
        text = menu_text(clipped(title, _LETTERS))
        if last:
            label = QLabel(text.replace("&&", "&"), self)
            label.setProperty("role", "title")
            label.setToolTip(plain_tip(name))
            return label
        button = QPushButton(text, self)
        button.setProperty("role", "link")
        button.setObjectName(f"crumb_{place}")
        button.setToolTip(plain_tip(name))
        button.setAccessibleDescription(f"Back to {name}")
        button.clicked.connect(partial(self._go, place + 1))
        return button

    def _go(self, steps: int, *_: object) -> None:
        self.gone.emit(steps)

    def _add(self, widget: QWidget) -> None:
        self._row.insertWidget(len(self._steps), widget)
        self._steps.append(widget)
