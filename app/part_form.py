"""Whether the selected tensors take part, for methods that take no amount."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app import numbers
from app.plain import plain_label
from app.session import Session
from pruner import PrunerError


class PartForm(QWidget):
    """Two buttons, and what the next round will do."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._names: list[str] = []
        self.state = QLabel(self)
        self.state.setObjectName("part")
        self.state.setAccessibleName("Whether the selected tensors take part")
        self.take = QPushButton("Take part", self)
        self.take.setObjectName("take_part")
        self.take.setToolTip("Have the next round prune the selected tensors (Space in the tree)")
        self.hold = QPushButton("Hold out", self)
        self.hold.setObjectName("hold_out")
        self.hold.setToolTip("Have the next round leave the selected tensors as they are (Space in the tree)")
        self.note = plain_label(self)
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.take)
        row.addWidget(self.hold)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(self.state)
        box.addLayout(row)
        box.addWidget(self.note)
        box.addStretch(1)
        self.take.clicked.connect(self._take)
        self.hold.clicked.connect(self._hold)

    def show_part(self, names: list[str], why_not: str) -> None:
        """Show whether these tensors take part, or why some cannot, and be for them from now on."""
        planned = self._session.next_round
        self._names = names
        fit = [name for name in names if not planned.unfit(name)]
        within = [name for name in fit if name in planned.entries]
        self.take.setEnabled(len(within) < len(fit))
        self.hold.setEnabled(any(name in planned.entries for name in names))
        self.state.setText(_state(len(names), len(fit), len(within)))
        self.note.setText(
            why_not or f"{planned.choice.kind.title} takes no amount; what it prunes shows after the round."
        )

    def _take(self) -> None:
        try:
            self._session.take_part(self._names)
        except PrunerError as error:
            self._session.tell("error", str(error))

    def _hold(self) -> None:
        self._session.set_amounts(self._names, None)


def _state(selected: int, fit: int, within: int) -> str:
    if not selected:
        return ""
    if selected == 1 and not fit:
        return "Cannot take part."
    if selected == 1:
        return "Takes part in the next round." if within else "Held out of the next round."
    return f"{numbers.count(within)} of {numbers.plural(selected, 'tensor')} take part."
