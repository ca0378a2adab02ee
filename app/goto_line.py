"""The line where the index of an element is typed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from app.map_words import parse_index
from app.refusals import forgive, show_refusal


class GotoLine(QLineEdit):
    """Return asks for the element whose index was typed; what is none is marked, with the reason under it."""

    chosen = Signal(object)
    """The flat index of the element, an int of any size."""

    def __init__(self, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shape: tuple[int, ...] | None = None
        """Of the tensor that the index is for; nothing is asked for while there is none."""
        self.setPlaceholderText(placeholder)
        self.setToolTip("An index such as 211, 604, or one number counted over all elements (G)")
        self.setMaximumWidth(160)
        self.returnPressed.connect(self._choose)
        self.textEdited.connect(lambda: forgive(self))

    def ask(self) -> None:
        """Have the user type an index, over what is there."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def forget(self) -> None:
        """Take away what was typed."""
        self.clear()
        forgive(self)

    def _choose(self) -> None:
        if self.shape is None:
            return
        try:
            flat = parse_index(self.text(), self.shape)
        except ValueError as error:
            show_refusal(self, str(error))
            return
        forgive(self)
        self.chosen.emit(flat)
