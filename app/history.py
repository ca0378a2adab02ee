"""Undo and redo: states that are swapped, never changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.choice import Choice
from app.forest import Forest
from pruner import Amount, Checkpoint, Pruning
from pruner.doctor import Repair

MERGE_SECONDS = 1.5


@dataclass(frozen=True, eq=False)
class State:
    """What a user does to a document: the amounts planned for the next round, what is pruned, and the method chosen.

    A tensor takes part in the next round if it is among `amounts`; None stands for one that has no amount of its own,
    for methods that take none. `checkpoint` is the file's, or what `repairs` made of it; `forest` has its tensors.
    """

    amounts: Mapping[str, Amount | None] = field(default_factory=dict)
    pruning: Pruning | None = None
    choice: Choice = field(default_factory=Choice)
    checkpoint: Checkpoint | None = None
    forest: Forest = field(default_factory=lambda: Forest(None))
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, eq=False)
class _Change:
    label: str
    before: State
    after: State
    made: float
    merges: object


class History:
    """The states of one document, with a name for each step between them.

    Steps with the same `merges` in quick succession (a slider that moves) become one.
    """

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._done: list[_Change] = []
        self._undone: list[_Change] = []

    def push(self, label: str, state: State, merges: object = None) -> None:
        """Make `state` the present one; `label` is what Undo takes back (“pruning of 12 tensors”)."""
        now = time.monotonic()
        last = self._done[-1] if self._done else None
        if last is not None and merges is not None and last.merges == merges and now - last.made < MERGE_SECONDS:
            self._done.pop()
            self._done.append(_Change(label, last.before, state, now, merges))
        else:
            self._done.append(_Change(label, self.state, state, now, merges))
        self._undone.clear()
        self.state = state

    @property
    def undo_label(self) -> str | None:
        """What Undo would take back, None where there is nothing."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """What Redo would bring back, None where there is nothing."""
        return self._undone[-1].label if self._undone else None

    def undo(self) -> None:
        """Go one step back."""
        change = self._done.pop()
        self._undone.append(change)
        self.state = change.before

    def redo(self) -> None:
        """Go one step forward again."""
        change = self._undone.pop()
        self._done.append(change)
        self.state = change.after
