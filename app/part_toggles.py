"""The row of buttons that choose which pictures of a tensor are shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from app.map_colours import Part
from app.map_words import TITLES

COMPACT = "padding: 3px 6px;"
"""Of the controls over pictures, whose row must not widen the window."""


class PartToggles(QWidget):
    """A button a part; one of them is always pressed."""

    changed = Signal(object)
    """The parts that are to be shown, a tuple in the buttons' order."""

    def __init__(
        self, tips: Mapping[Part, str], shown: tuple[Part, ...], name: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.buttons: dict[Part, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for part, tip in tips.items():
            button = QToolButton(self)
            button.setText(TITLES[part])
            button.setObjectName(f"{name}_{part}")
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setStyleSheet(COMPACT)
            button.setChecked(part in shown)
            button.clicked.connect(partial(self._choose, part))
            row.addWidget(button)
            self.buttons[part] = button

    def _choose(self, part: Part) -> None:
        shown = tuple(one for one, button in self.buttons.items() if button.isChecked())
        if not shown:
            self.buttons[part].setChecked(True)
            shown = (part,)
        self.changed.emit(shown)
