"""The rounds of the current tensor."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QWidget,
)

from app import numbers
from app.card import Card
from app.session import Session
from app.tree_model import written
from pruner.methods import described


class RoundsCard(Card):
    """What the current tensor went through, and what is planned for it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Rounds", parent)
        self._session = session
        self.list = self.add_label("", "plain")
        self.list.setTextFormat(Qt.TextFormat.RichText)
        self.hint = self.add_label("", "muted")
        for signal in (session.selection_changed, session.amounts_changed, session.pruning_changed):
            signal.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        lines = self._lines()
        self.list.setText("<p style='margin: 0 0 6px 0'>".join(["", *lines]))
        self.list.setVisible(bool(lines))
        done = self._session.pruning is not None
        self.hint.setText("Undo takes back a whole round." if done else "" if lines else "Nothing is pruned yet.")
        self.hint.setVisible(bool(self.hint.text()))

    def _lines(self) -> list[str]:
        name, pruning = self._session.current, self._session.pruning
        if name is None:
            return []
        lines = []
        done = pruning[name].rounds if pruning is not None and name in pruning else ()
        for number, one in enumerate(done, start=1):
            title = described(one.method)
            ties = f", {numbers.plural(one.ties, 'tie')} kept" if one.ties else ""
            threshold = f" · threshold {numbers.figure(one.threshold)}{ties}" if one.threshold is not None else ""
            lines.append(
                f"<b>{number}</b>&nbsp; {title} {written(one.amount)}<br>{numbers.count(one.pruned)} pruned{threshold}"
            )
        amount = self._session.amounts.get(name)
        if amount is not None:
            lines.append(f"<b>{len(done) + 1}</b>&nbsp; {written(amount)}, planned")
        return lines
