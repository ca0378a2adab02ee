"""The right panel: the decision about the selected tensors, their rounds, and the plan as a whole."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QVBoxLayout,
    QWidget,
)

from app.amount_card import AmountCard
from app.plan_card import PlanCard
from app.rounds_card import RoundsCard
from app.session import Session


class AmountPanel(QWidget):
    """Three cards: the amount, the rounds of the tensor, what the next round does to the whole model."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("amount_panel")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(8)
        layout.addWidget(AmountCard(session, self))
        layout.addWidget(RoundsCard(session, self))
        layout.addWidget(PlanCard(session, self))
        layout.addStretch(1)
