"""The next round as a whole."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QWidget,
)

from app import numbers
from app.card import Card
from app.session import Session


class PlanCard(Card):
    """The next round on all tensors that have an amount."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Next round", parent)
        self._session = session
        self.what = self.add_label("", "plain")
        self.again = _link("Plan the last amounts again", self)
        self.clear = _link("Clear all amounts", self)
        self.box.addWidget(self.again)
        self.box.addWidget(self.clear)
        self.again.clicked.connect(session.plan_again)
        self.clear.clicked.connect(self._clear_all)
        for signal in (session.checkpoint_changed, session.amounts_changed, session.pruning_changed):
            signal.connect(self._refresh)
        self._refresh()

    def _clear_all(self) -> None:
        self._session.set_amounts(list(self._session.amounts), None)

    def _refresh(self) -> None:
        amounts = self._session.amounts
        self.clear.setVisible(bool(amounts))
        self.again.setVisible(bool(self._session.last_amounts) and not amounts)
        if not amounts:
            self.what.setText("No amounts are planned.")
            return
        elements = sum(self._session.planned_count(name) or 0 for name in amounts)
        self.what.setText(
            f"{numbers.plural(elements, 'element')} of {numbers.plural(len(amounts), 'tensor')} will be pruned."
        )


def _link(text: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setProperty("role", "link")
    button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button
