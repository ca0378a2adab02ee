"""The open document: what is planned and done to it, what is known of it, and the signals that say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from app import numbers, planning
from app.choice import Choice
from app.fitting import is_prunable, left
from app.forecast import Outlook
from app.forest import Forest
from app.history import History, State
from app.jobs import Failure
from app.messages import Message, Severity
from app.next_round import Entries, NextRound
from app.opening import Opened, first_selected
from pruner import Amount, Checkpoint, Pruning, TensorInfo
from pruner.doctor import Repair
from pruner.methods import Method, Scope
from pruner.module_tree import ModuleNode


class Document(QObject):
    """All state that changes, and what a user does to it that needs no other thread.

    Signals carry nothing but what happened; who listens asks for what it needs.
    """

    checkpoint_changed = Signal()
    amounts_changed = Signal()
    method_changed = Signal()
    """The method, one of its options, the scope or its bounds."""
    pruning_changed = Signal()
    selection_changed = Signal()
    counts_changed = Signal()
    """More zeros, or channels, have been counted."""
    message = Signal(object)
    """A `Message`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.selected: tuple[str, ...] = ()
        self.zeros: Mapping[str, int] = {}
        self._channels: Mapping[str, int] = {}
        self._history = History()
        self._saved_pruning: Pruning | None = None
        self._last_amounts: Entries = {}
        self._made: dict[str, Method] = {}
        self._next_round: NextRound | None = None
        self._unfits: dict[str, str] = {}

    # What is known

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What is open: what the file holds, under the names that repairs gave it."""
        return self._history.state.checkpoint

    @property
    def forest(self) -> Forest:
        """Its tensors in the order of its modules."""
        return self._history.state.forest

    @property
    def tree(self) -> ModuleNode | None:
        """The tree of its modules."""
        return self.forest.tree

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """The repairs that have been done."""
        return self._history.state.repairs

    @property
    def pruning(self) -> Pruning | None:
        """What is pruned now; None where nothing is."""
        return self._history.state.pruning

    @property
    def amounts(self) -> Entries:
        """The tensors that take part, with their amounts; the method may pass over some of them."""
        return self._history.state.amounts

    @property
    def choice(self) -> Choice:
        """The method and the scope of the next round."""
        return self._history.state.choice

    @property
    def next_round(self) -> NextRound:
        """What the next round would do."""
        if self._next_round is None:
            self._next_round = NextRound(
                self.checkpoint, self.pruning, self.choice, self.amounts, self.zeros, self._channels, self._unfits
            )
        return self._next_round

    @property
    def current(self) -> str | None:
        """The selected tensor that is shown large."""
        return self.selected[0] if self.selected else None

    @property
    def unsaved(self) -> bool:
        """Whether there is pruning that no saved file holds."""
        return self.pruning is not None and self.pruning is not self._saved_pruning

    @property
    def last_amounts(self) -> Entries:
        """The amounts of the round that ran last on this document."""
        return self._last_amounts

    @property
    def undo_label(self) -> str | None:
        """What Undo would take back, None where there is nothing."""
        return self._history.undo_label

    @property
    def redo_label(self) -> str | None:
        """What Redo would bring back, None where there is nothing."""
        return self._history.redo_label

    def left(self, name: str) -> int:
        """Elements of a tensor that no round has pruned."""
        assert self.checkpoint is not None
        return left(self.checkpoint, self.pruning, name)

    def outlook(self, name: str) -> Outlook | None:
        """Zeros of a tensor now and after the next round; None while its values are not counted."""
        return self.next_round.outlook(name)

    def is_prunable(self, info: TensorInfo) -> bool:
        """Whether pruning has a meaning for the tensor, by one method or another."""
        return is_prunable(info)

    # What the user does

    def select(self, names: Sequence[str]) -> None:
        """Select tensors, the one to show large first."""
        if tuple(names) != self.selected:
            self.selected = tuple(names)
            self.selection_changed.emit()

    def set_amounts(self, names: Iterable[str], amount: Amount | None) -> None:
        """Plan an amount for tensors, or hold them out.

        Those that the method does not fit are passed over, with a message. Raises `PrunerError` with the tensor and the
        reason where that is all of them, or the amount does not fit one of the others; nothing has changed then.
        """
        names = list(names)
        if amount is None:
            label = f"{'amount of' if self.choice.takes_amount else 'holding out'} {planning.what(names)}"
            gone = set(names)
            entries: Entries = {name: kept for name, kept in self.amounts.items() if name not in gone}
            self._plan(label, entries, merges=tuple(names))
            return
        entries = planning.given(self.next_round, names, amount)
        self._tell_passed_over(names)
        self._plan(f"amount of {planning.what(names)}", entries, merges=tuple(names))

    def take_part(self, names: Iterable[str]) -> None:
        """Have tensors take part without an amount of their own; one that they have stays. Raises as `set_amounts`."""
        names = list(names)
        entries = planning.taken_in(self.next_round, names)
        self._tell_passed_over(names)
        self._plan(f"taking in {planning.what(names)}", entries)

    def toggle_part(self, names: Iterable[str]) -> None:
        """Hold tensors out if all that the method fits take part, else have them take part. Raises as `set_amounts`."""
        names = list(names)
        if all(name in self.amounts for name in planning.fitting(self.next_round, names)):
            self.set_amounts(names, None)
        else:
            self.take_part(names)

    def require_fit(self, names: Iterable[str], amount: Amount) -> None:
        """Raise `PrunerError` where `set_amounts` would."""
        planning.given(self.next_round, names, amount)

    def plan_again(self) -> None:
        """Plan the amounts of the last round for the next one, where they still fit."""
        if self.checkpoint is None:
            return
        fit = planning.still_fitting(self.next_round, self._last_amounts)
        if self.choice.together:
            fit = planning.united({**fit, **self.amounts}, next(iter(fit), None))
        self._plan(f"amounts of {numbers.plural(len(fit), 'tensor')}", {**self.amounts, **fit})

    def choose_method(self, name: str) -> None:
        """Prune by another method from now on, with the options that it had last."""
        choice = self.choice.of_kind(name, self._made.get(name))
        self._choose(choice, f"choice of {choice.kind.title}")

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Give the method options, which may be texts; raises `PrunerError` where they are wrong."""
        choice = self.choice.with_options(options)
        assert choice.method is not None
        self._made[choice.kind.name] = choice.method
        self._choose(choice, f"options of {choice.kind.title}", merges=("options", choice.kind.name))

    def choose_scope(self, scope: Scope) -> None:
        """Count amounts in each tensor, or one over all together; raises `PrunerError` where the method cannot."""
        self._choose(self.choice.with_scope(scope), "choice of scope")

    def set_bounds(self, floor: float, ceiling: float) -> None:
        """Keep each tensor's sparsity between these where all are pruned together; raises `PrunerError`."""
        self._choose(self.choice.with_bounds(floor, ceiling), "floor and ceiling", merges="bounds")

    def take_repaired(self, made: Opened, pruning: Pruning, repairs: Sequence[Repair], label: str) -> None:
        """Go on with what repairs made of the checkpoint, as one step; amounts of tensors that are gone go."""
        amounts = {name: amount for name, amount in self.amounts.items() if name in made.checkpoint.tensors}
        state = State(amounts, pruning, self.choice, made.checkpoint, made.forest, (*self.repairs, *repairs))
        self._step(lambda: self._history.push(label, state))

    def forget_pruning(self) -> None:
        """Take the pruning as not worth saving, so that closing does not ask again."""
        self._saved_pruning = self.pruning

    def tell(self, severity: Severity, text: str, details: str = "", offer: str = "") -> None:
        """Show a message; `offer` names the command that helps."""
        self.message.emit(Message(severity, text, details, offer))

    def tell_failure(self, failure: Failure) -> None:
        """Show why a job did not end well; a cancelled one is no error, a fault of ours comes with its details."""
        severity: Severity = "info" if failure.cancelled else "bug" if failure.details else "error"
        self.tell(severity, failure.text, failure.details)

    # Steps

    def _plan(self, label: str, amounts: Entries, merges: object = None) -> None:
        if dict(amounts) != dict(self.amounts):
            self._step(lambda: self._history.push(label, replace(self._history.state, amounts=amounts), merges))

    def _choose(self, choice: Choice, label: str, merges: object = None) -> None:
        if choice == self.choice:
            return
        entries, message = planning.switched(self.next_round, choice, self.current)
        state = replace(self._history.state, choice=choice, amounts=entries)
        if self.checkpoint is None:
            self._step(lambda: self._renew(state))
        else:
            self._step(lambda: self._history.push(label, state, merges))
        if message is not None:
            self.message.emit(message)

    def _renew(self, state: State) -> None:
        self._history = History(state)
        self._unfits = {}

    def _step(self, step: Callable[[], None]) -> None:
        """Go from one state to another, and say what is different."""
        before = self._history.state
        step()
        after = self._history.state
        self._next_round = None
        if before.checkpoint is not after.checkpoint:
            self._announce(self.selected)
            return
        if before.choice != after.choice:
            self._unfits = {}
        if before.choice != after.choice or before.pruning is not after.pruning:
            self._channels = {}
        if before.choice != after.choice:
            self.method_changed.emit()
        if before.pruning is not after.pruning:
            self.pruning_changed.emit()
        if before.amounts is not after.amounts:
            self.amounts_changed.emit()

    def _announce(self, selected: Sequence[str]) -> None:
        """Say that the checkpoint is another one; of what is selected stays what it has."""
        assert self.checkpoint is not None
        self._last_amounts = {}
        self.zeros, self._channels, self._unfits = {}, {}, {}
        self._next_round = None
        self.selected = ()
        self.checkpoint_changed.emit()
        self.pruning_changed.emit()
        self.amounts_changed.emit()
        kept = tuple(name for name in selected if name in self.checkpoint.tensors)
        self.selected = kept or first_selected(self.checkpoint)
        self.selection_changed.emit()

    def _tell_passed_over(self, names: Iterable[str]) -> None:
        if text := planning.passed_over(self.next_round, names):
            self.tell("warning", text)

    def _found_zeros(self, found: Mapping[str, int]) -> None:
        self.zeros = {**self.zeros, **found}
        self._next_round = None
        self.counts_changed.emit()

    def _found_channels(self, found: Mapping[str, int]) -> None:
        self._channels = {**self._channels, **found}
        self._next_round = None
        self.counts_changed.emit()
