"""Which rounds a recipe or a script is made of: those that ran, the planned one, or both."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from app import numbers
from app.session import Session
from pruner import Plan


def planned_of(session: Session) -> tuple[Plan, ...]:
    """The plan of the next round; nothing where nothing is planned."""
    planned = session.next_round
    if planned.checkpoint is None or not planned.planned:
        return ()
    return (planned.choice.plan(planned.planned, planned.checkpoint.tensors),)


def plans_of(session: Session) -> tuple[Plan, ...]:
    """The plans of the rounds that ran."""
    return session.pruning.plans if session.pruning is not None else ()


class RoundBoxes(QWidget):
    """Two boxes; where there is only one kind of rounds, it is taken and there is nothing to choose."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done, self._planned = plans_of(session), planned_of(session)
        self.done = QCheckBox(f"&Rounds that ran ({len(self._done)})", self)
        tensors = numbers.plural(sum(len(plan.steps) for plan in self._planned), "tensor")
        self.planned = QCheckBox(f"The &planned round ({tensors})" if self._planned else "The &planned round", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        for box, name, plans in ((self.done, "done", self._done), (self.planned, "planned", self._planned)):
            box.setObjectName(f"rounds_{name}")
            box.setChecked(bool(plans))
            box.setEnabled(bool(self._done) and bool(self._planned))
            box.toggled.connect(self.changed)
            row.addWidget(box)
        row.addStretch(1)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the rounds that are taken."""
        done = self._done if self.done.isChecked() else ()
        return (*done, *(self._planned if self.planned.isChecked() else ()))

    @property
    def begins_with_done(self) -> bool:
        """Whether what the first rounds did is known."""
        return self.done.isChecked()
