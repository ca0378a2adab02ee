"""How much the next round prunes of the selected tensors, or whether it takes them at all."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QStackedWidget, QWidget

from app import numbers
from app.amount_form import AmountForm
from app.card import Card
from app.histogram_trial import Trial, comes_to
from app.part_form import PartForm
from app.plain import breakable, menu_text
from app.session import Session
from pruner import Checkpoint, PrunerError
from pruner.similar import groups_of


class AmountCard(Card):
    """An amount for the selected tensors, or their part in a round that takes no amount, and what that means."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Amount", parent)
        self._session = session
        self._found: tuple[Checkpoint | None, tuple[str, ...], list[str]] = (None, (), [])
        self.setWhatsThis(
            "How much the next round prunes of the selected tensors: 30% or 0.3 is a ratio of what earlier rounds "
            "left, 1000 is a count, to 80% is the sparsity to arrive at. Note that 1 is one element and 1.0 is all of "
            "them. Some methods take no amount: then tensors take part, or are held out."
        )
        self.form, self.part = AmountForm(session, self), PartForm(session, self)
        self._forms = QStackedWidget(self)
        self._forms.addWidget(self.form)
        self._forms.addWidget(self.part)
        self.box.addWidget(self._forms)
        self.where = self.add_label("", "muted")
        self.where.setObjectName("where")
        self.after = self.add_label("", "plain")
        self.after.setObjectName("after")
        self.similar = QPushButton("Apply to similar…", self)
        self.clear = QPushButton("Clear", self)
        self.clear.setToolTip("Take the amount of the selected tensors away: the next round leaves them as they are")
        buttons = QHBoxLayout()
        buttons.addWidget(self.similar)
        buttons.addWidget(self.clear)
        buttons.addStretch(1)
        self.box.addLayout(buttons)
        self.similar.clicked.connect(self._show_similar)
        self.clear.clicked.connect(self._clear)
        for signal in (
            session.checkpoint_changed,
            session.selection_changed,
            session.amounts_changed,
            session.method_changed,
            session.pruning_changed,
            session.counts_changed,
        ):
            signal.connect(self._refresh)
        session.tried.connect(self._show_tried)
        session.pruning_changed.connect(self.form.forget_unit)
        self._refresh()

    @property
    def _names(self) -> list[str]:
        """The selected tensors that can be pruned."""
        checkpoint, selected = self._session.checkpoint, self._session.selected
        if self._found[:2] != (checkpoint, selected):
            fit = [] if checkpoint is None else [one for one in selected if self._session.is_prunable(checkpoint[one])]
            self._found = checkpoint, selected, fit
        return self._found[2]

    def _clear(self) -> None:
        self._session.set_amounts(self._names, None)

    def _show_similar(self) -> None:
        checkpoint, current = self._session.checkpoint, self._session.current
        if checkpoint is None or current is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in groups_of(checkpoint, current):
            action = menu.addAction(menu_text(f"{group.title} ({numbers.plural(len(group.names), 'tensor')})"))
            action.triggered.connect(lambda _=False, names=group.names: self._give(names))
        if menu.isEmpty():
            menu.addAction("No other tensor is of its kind").setEnabled(False)
        menu.popup(self.similar.mapToGlobal(self.similar.rect().bottomLeft()))

    def _give(self, names: tuple[str, ...]) -> None:
        amount = self.form.amount
        try:
            if not self._session.choice.takes_amount:
                self._session.take_part(names)
            elif amount is not None:
                self._session.set_amounts(names, amount)
        except PrunerError as error:
            self._session.tell("error", str(error))

    # Showing

    def _show_tried(self, trial: Trial | None) -> None:
        """Show an amount that is tried for one tensor as if it were planned."""
        if trial is None or trial.amount is None or self._names != [self._session.current]:
            self._refresh()
            return
        target, form = trial.amount.is_target, self.form
        form.edit.setText(str(trial.amount))
        form.unit.setCurrentText("target" if target else "ratio" if trial.amount.is_ratio else "count")
        form.equals.setText(comes_to(trial))
        form.slider.blockSignals(True)
        share = trial.amount.value if target else trial.count / max(trial.left, 1)
        form.slider.setValue(round(share * form.slider.maximum()))
        form.slider.blockSignals(False)
        gone = trial.sparsity if target else trial.pruned
        self.after.setText(f"after this round: {numbers.percent(gone)} of all {'zero' if target else 'pruned'}")

    def _refresh(self) -> None:
        names, choice, entries = self._names, self._session.choice, self._session.amounts
        self._forms.setCurrentWidget(self.form if choice.takes_amount else self.part)
        self.form.show_amount(names)
        where = self._where(names)
        if not choice.takes_amount:
            self.part.show_part(names, where)
        within = any(name in entries for name in names)
        self.clear.setVisible(choice.takes_amount)
        self.clear.setEnabled(within)
        self.similar.setEnabled(self.form.amount is not None if choice.takes_amount else within)
        what = "Give this amount to" if choice.takes_amount else "Have the next round take"
        self.similar.setToolTip(f"{what} all tensors of a kind")
        self.where.setText(where)
        self.where.setVisible(choice.takes_amount)
        self.after.setText(self._after(names))
        self.after.setVisible(choice.takes_amount)

    def _where(self, names: list[str]) -> str:
        planned = self._session.next_round
        if self._session.checkpoint is None or not self._session.selected:
            return "Select a tensor to say how much of it to prune."
        if not names:
            return "Its elements have no magnitude to prune by."
        reasons = {name: why for name in names if (why := planned.why_not(name))}
        if reasons:
            return self._why(names, reasons)
        if not planned.choice.takes_amount:
            return ""
        rounds = self._rounds(names[0]) + 1
        return " · ".join(part for part in (self._several(names), self._of_what(rounds), f"round {rounds}") if part)

    def _why(self, names: list[str], reasons: dict[str, str]) -> str:
        """Why the round passes over tensors that are selected."""
        title = self._session.choice.kind.title
        name, why = next(iter(reasons.items()))
        if len(names) == 1:
            return f"{title} passes it over: {why}."
        which = f"{numbers.count(len(reasons))} of the {numbers.count(len(names))}"
        return breakable(f"{title} passes over {which}; “{name}”: {why}.")

    def _several(self, names: list[str]) -> str:
        planned = self._session.next_round
        if not planned.choice.together:
            return numbers.plural(len(names), "tensor") if len(names) > 1 else ""
        others = len(planned.planned.keys() - set(names))
        if others and not planned.planned.keys() & set(names):
            return f"an amount here holds for {numbers.plural(others, 'other')}, too"
        return ""

    def _of_what(self, rounds: int) -> str:
        amount, unit = self.form.amount, f"{self._session.choice.unit}s"
        if amount is not None and amount.is_target:
            return "what is missing of the target"
        return f"of the {unit} left" if rounds > 1 else f"of all {unit}"

    def _rounds(self, name: str) -> int:
        pruning = self._session.pruning
        return len(pruning[name].rounds) if pruning is not None and name in pruning else 0

    def _after(self, names: list[str]) -> str:
        """What share is gone when the round has run."""
        planned = self._session.next_round
        names = [name for name in names if name in planned.planned]
        if not names or not planned.choice.takes_amount:
            return ""
        units, left, count = planned.sums(names)
        if left is None or count is None:
            return ""
        target = any(planned.planned[name].is_target for name in names)
        what = "all channels" if planned.choice.counts_channels else "all zero" if target else "all pruned"
        return f"after this round: {numbers.percent((units - left + count) / units)} of {what}"
