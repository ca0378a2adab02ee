"""The rounds of the current tensor."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QWidget,
)

from app import numbers
from app.amount_text import written
from app.card import Card
from app.plain import breakable, unfolded
from app.session import Session
from pruner import Round
from pruner.methods import described, takes_amount


class RoundsCard(Card):
    """What the current tensor went through, and what is planned for it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Rounds", parent)
        self._session = session
        self.list = self.add_label("", "plain")
        self.list.setObjectName("rounds")
        self.list.setTextFormat(Qt.TextFormat.RichText)
        self.hint = self.add_label("", "muted")
        for signal in (
            session.selection_changed,
            session.amounts_changed,
            session.method_changed,
            session.pruning_changed,
        ):
            signal.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        lines = self._lines()
        self.list.setText("<p style='margin: 0 0 6px 0'>".join(["", *map(unfolded, lines)]))
        self.list.setVisible(bool(lines))
        pruned, done = self._session.pruning is not None, bool(self._done())
        nothing = "This tensor is not pruned yet." if pruned else "Nothing is pruned yet."
        self.hint.setText("Undo takes back a whole round." if done else "" if lines else nothing)
        self.hint.setVisible(bool(self.hint.text()))

    def _lines(self) -> list[str]:
        name, done = self._session.current, self._done()
        if name is None:
            return []
        lines = [f"<b>{number}</b>&nbsp; {_told(one)}" for number, one in enumerate(done, start=1)]
        if name in self._session.next_round.planned:
            lines.append(f"<b>{len(done) + 1}</b>&nbsp; {self._planned(name)}, planned")
        return lines

    def _done(self) -> tuple[Round, ...]:
        """The rounds that the current tensor went through."""
        name, pruning = self._session.current, self._session.pruning
        return pruning[name].rounds if name is not None and pruning is not None and name in pruning else ()

    def _planned(self, name: str) -> str:
        planned = self._session.next_round
        assert planned.choice.method is not None
        method = _marked(described(planned.choice.method))
        if not planned.choice.takes_amount:
            return method
        whole = " of all together" if planned.choice.together else ""
        return f"{method} {written(planned.planned[name])}{whole}"


def _told(one: Round) -> str:
    """What a round did, in two lines."""
    method = _marked(described(one.method))
    amount = f" {written(one.amount)}" if takes_amount(one.method) else ""
    amount += " of all together" if one.scope == "global" else ""
    ties = f", {numbers.plural(one.ties, 'tie')} kept" if one.ties else ""
    threshold = f" · threshold {numbers.figure(one.threshold)}{ties}" if one.threshold is not None else ""
    return f"{method}{amount}<br>{numbers.count(one.pruned)} pruned{threshold}"


def _marked(text: str) -> str:
    """A text, which may have a file's name in it, as markup that reads as it does."""
    return html.escape(breakable(text))
