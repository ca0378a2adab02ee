"""The next round as a whole."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QWidget,
)

from app import numbers
from app.amount_text import units
from app.card import Card
from app.plain import breakable
from app.session import Session
from pruner.methods import described


class PlanCard(Card):
    """The next round on all tensors that have an amount."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Next round", parent)
        self._session = session
        self.what = self.add_label("", "plain")
        self.what.setObjectName("what")
        self.passed_over = self.add_label("", "muted")
        self.passed_over.setObjectName("passed_over")
        self.again = _link("Plan the last amounts again", self)
        self.clear = _link("Clear all amounts", self)
        self.box.addWidget(self.again)
        self.box.addWidget(self.clear)
        self.again.clicked.connect(session.plan_again)
        self.clear.clicked.connect(self._clear_all)
        for signal in (
            session.checkpoint_changed,
            session.amounts_changed,
            session.method_changed,
            session.pruning_changed,
            session.counts_changed,
        ):
            signal.connect(self._refresh)
        self._refresh()

    def _clear_all(self) -> None:
        self._session.set_amounts(list(self._session.amounts), None)

    def _refresh(self) -> None:
        planned = self._session.next_round
        self.clear.setVisible(bool(planned.entries))
        self.clear.setText("Clear all amounts" if planned.choice.takes_amount else "Hold all tensors out")
        self.again.setVisible(bool(self._session.last_amounts) and not planned.planned)
        self.what.setText(self._what())
        self.passed_over.setText(self._passed_over())
        self.passed_over.setVisible(bool(self.passed_over.text()))

    def _what(self) -> str:
        planned = self._session.next_round
        choice, tensors = planned.choice, numbers.plural(len(planned.planned), "tensor")
        if choice.lacks and planned.entries:
            return f"{choice.lacks} Give it under Method."
        if not planned.planned:
            return "No amounts are planned." if choice.takes_amount else "No tensor takes part."
        method = described(choice.method) if choice.method is not None else ""
        if not choice.takes_amount:
            return f"{tensors} will be pruned by {method}."
        count = planned.count_of_all
        if count is None:
            return f"{tensors} will be pruned."
        return f"{units(count, choice)} of {tensors} will be pruned."

    def _passed_over(self) -> str:
        """How many tensors have an amount, or take part, to no effect, and why."""
        found = self._session.next_round.passed_over
        if not found:
            return ""
        name, why = next(iter(found.items()))
        more = f" {numbers.plural(len(found) - 1, 'more is', 'more are')} passed over, too." if len(found) > 1 else ""
        return breakable(f"“{name}” is passed over: {why}.{more}")


def _link(text: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setProperty("role", "link")
    button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button
