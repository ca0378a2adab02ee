"""The right panel: the decision about the selected tensors, the method, their rounds, and the plan as a whole."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.amount_card import AmountCard
from app.method_card import MethodCard
from app.plan_card import PlanCard
from app.rounds_card import RoundsCard
from app.session import Session

_GUTTER = 12
"""What a scroll bar has room in."""


class AmountPanel(QScrollArea):
    """Four cards: the amount, the method, the rounds of the tensor, what the next round does to the whole model."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("amount_panel")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QWidget(self)
        self._column = layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, _GUTTER, 0)
        layout.setSpacing(8)
        for card in (AmountCard, MethodCard, RoundsCard, PlanCard):
            layout.addWidget(card(session, column))
        layout.addStretch(1)
        self.setWidget(column)
        self.verticalScrollBar().installEventFilter(self)

    def minimumSizeHint(self) -> QSize:
        """As wide as the cards need: nothing scrolls sideways here, so what did not fit would be cut off."""
        return QSize(self._column.minimumSize().width(), super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the width of the cards: the scroll bar takes the room of the gutter."""
        if watched is self.verticalScrollBar() and event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            bar = self.verticalScrollBar()
            taken = bar.sizeHint().width() if event.type() == QEvent.Type.Show else 0
            self._column.setContentsMargins(0, 0, max(0, _GUTTER - taken), 0)
        return super().eventFilter(watched, event)
