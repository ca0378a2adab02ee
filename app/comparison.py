"""A second checkpoint beside the document: what belongs together, and how far apart it is, as it becomes known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.jobs import Failure, Job, ViewLane, WorkLane
from pruner import Checkpoint, Mask, PrunerError, open_checkpoint
from pruner.pairs import Both, Difference, Pair, Pairing, match, measure
from pruner.progress import Progress
from pruner.steps import giving_way

State = Literal["unknown", "equal", "type", "changed", "here", "there", "shape", "unreadable"]
_SLOT, _MATCHING = "compare", "compare-match"
_URGENCY = 2
"""After all else that the screen asks for."""
_SMALL = 1 << 20
"""Elements of a tensor that is measured at once; of a larger one so many tell at first whether it differs."""
_BATCH_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """A pair, and what is known of it: nothing, that it differs somewhere, or all; or why it cannot be read."""

    pair: Pair
    alike: bool = True
    differs: bool = False
    difference: Difference | None = None
    problem: str = ""

    @property
    def state(self) -> State:
        """What became of the tensor."""
        if self.pair.b is None:
            return "here"
        if self.pair.a is None:
            return "there"
        if self.problem:
            return "unreadable"
        if not self.alike:
            return "shape"
        found = self.difference
        if found is None:
            return "changed" if self.differs else "unknown"
        return "changed" if found.changed else "equal" if found.alike else "type"

    @property
    def open(self) -> bool:
        """Whether there is something to measure yet."""
        return self.pair.a is not None and self.pair.b is not None and self.difference is None and not self.problem


Found = list[tuple[int, Row]]


class Comparison(QObject):
    """The second checkpoint, its rows, and the work that fills them, which rests while nobody looks."""

    changed = Signal()
    """Another second checkpoint, or none; other rows."""
    filled = Signal(list)
    """Places of rows of which more is known."""

    def __init__(self, document: Document, work: WorkLane, view: ViewLane) -> None:
        super().__init__(document)
        self._document, self._work, self._view = document, work, view
        self.other: Checkpoint | None = None
        self.pairing: Pairing | None = None
        self.rows: list[Row] = []
        self.as_pruned = True
        self._running = False
        self._places: dict[str, int] = {}
        self._masks: dict[str, Mask] = {}
        document.checkpoint_changed.connect(self._match)
        document.pruning_changed.connect(self._masks_changed)
        document.selection_changed.connect(self._go_on)

    # What the user does

    def open(self, path: Path, root: str | None = None) -> None:
        """Open a checkpoint beside the document, or another `root` of it; what is there stays if that fails."""

        def run(progress: Progress) -> Checkpoint:
            progress(0, 1, path.name)
            return open_checkpoint(path, root)

        self._work.submit(Job(f"Opening {path.name} to compare", run, self._opened, self._failed))

    def open_root(self, root: str) -> None:
        """Compare with another dictionary of weights of the second file."""
        if self.other is not None:
            self.open(self.other.path, root)

    def close(self) -> None:
        """Put the second checkpoint away."""
        self.other = None
        self._match()

    def compare_as(self, pruned: bool) -> None:
        """Compare with the document as it is pruned now, or as its file has it."""
        if pruned != self.as_pruned:
            self.as_pruned = pruned
            self._masks_changed()

    def resume(self) -> None:
        """Fill the rows, the selected tensor's first, then in the order of the file."""
        if not self._running and any(row.open for row in self.rows):
            self._running = True
            self._request()

    def pause(self) -> None:
        """Read no more until `resume`."""
        self._running = False
        self._view.drop(_SLOT)

    # What is known

    @property
    def current(self) -> int | None:
        """The place of the row that is the selected tensor's."""
        return self._places.get(self._document.current or "")

    def both(self, place: int) -> Both | None:
        """Both tensors of a row, with what the document prunes; None where one is missing."""
        first, second, pair = self._document.checkpoint, self.other, self.rows[place].pair
        if first is None or second is None or pair.a is None or pair.b is None:
            return None
        return Both(first, second, pair, self._masks.get(pair.a.name))

    def take(self, found: Found) -> None:
        """Learn more of some rows."""
        fresh = [(place, row) for place, row in found if self.rows[place].pair is row.pair]
        for place, row in fresh:
            self.rows[place] = row
        self.filled.emit([place for place, _ in fresh])

    # Opening and matching

    def _opened(self, checkpoint: Checkpoint) -> None:
        self.other = checkpoint
        for warning in checkpoint.warnings:
            self._document.tell("warning", warning)
        self._match()

    def _failed(self, failure: Failure) -> None:
        self._document.tell_failure(failure)

    def _match(self) -> None:
        """Find what belongs together, behind the window; there is nothing to show until then."""
        self.pause()
        first, second = self._document.checkpoint, self.other
        self._take_pairing(None)
        if first is None or second is None:
            self._view.drop(_MATCHING)
            return

        def steps() -> Iterator[tuple[Pairing, list[Row]]]:
            pairing = match(first, second)
            yield pairing, [Row(pair, _alike(first, second, pair)) for pair in pairing.pairs]

        self._view.request(_MATCHING, steps(), lambda found: self._take_pairing(*found), self._failed)

    def _take_pairing(self, pairing: Pairing | None, rows: Sequence[Row] = ()) -> None:
        self.pairing, self.rows = pairing, list(rows)
        self._places = {row.pair.a.name: place for place, row in enumerate(rows) if row.pair.a is not None}
        self._masks = self._masks_now()
        self.changed.emit()

    # Measuring

    def _masks_now(self) -> dict[str, Mask]:
        pruning = self._document.pruning if self.as_pruned else None
        return {name: pruning[name].mask for name in pruning} if pruning is not None else {}

    def _masks_changed(self) -> None:
        """Forget the figures of the tensors that are pruned otherwise now."""
        before, self._masks = self._masks, self._masks_now()
        names = [name for name in {**before, **self._masks} if before.get(name) is not self._masks.get(name)]
        places = [self._places[name] for name in names if name in self._places]
        self.take([(place, replace(self.rows[place], differs=False, difference=None)) for place in places])
        self._go_on()

    def _go_on(self) -> None:
        if self._running:
            self._request()

    def _request(self) -> None:
        first, second = self._document.checkpoint, self.other
        if first is None or second is None:
            return
        rows, masks, current = tuple(self.rows), self._masks, self.current

        def steps() -> Iterator[Found | None]:
            """Begins on the view lane: there may be many rows."""
            places = [place for place, row in enumerate(rows) if row.open and place != current]
            if current is not None and rows[current].open:
                places.insert(0, current)
            work = [
                (place, rows[place], Both(first, second, pair, masks.get(pair.a.name if pair.a else "")))
                for place in places
                if (pair := rows[place].pair)
            ]
            yield from measure_all(work)

        self._view.request(_SLOT, steps(), self._found, self._failed, _URGENCY)

    def _found(self, found: Found) -> None:
        self.take(found)  # upon which it may be paused
        if not any(row.open for row in self.rows):
            self._running = False


def _alike(first: Checkpoint, second: Checkpoint, pair: Pair) -> bool:
    return pair.a is None or pair.b is None or first[pair.a.name].shape == second[pair.b.name].shape


def measure_all(work: Sequence[tuple[int, Row, Both]]) -> Iterator[Found | None]:
    """What is found of pairs, some at a time: the first, the small ones, whether large ones differ, and all of those.

    None in between, to give way; an empty list after a while, so that whoever waits may call it off.
    """
    found: Found = []
    shown = time.monotonic()
    large = [one for one in work[1:] if one[2].infos[0].numel > _SMALL]
    small = [*work[:1], *(one for one in work[1:] if one[2].infos[0].numel <= _SMALL)]
    stages = ((small, True), (large, False), (large, True))
    for part, fully in stages:
        for place, row, both in part:
            for more in _measured(row, both) if fully else _glance(row, both):
                if more is not None:
                    found.append((place, more))
                if time.monotonic() - shown > _BATCH_SECONDS or (found and place == work[0][0]):
                    yield found
                    found, shown = [], time.monotonic()
                else:
                    yield None
    if found:
        yield found


def _measured(row: Row, both: Both) -> Iterator[Row | None]:
    try:
        yield replace(row, difference=(yield from giving_way(measure(both))))
    except PrunerError as error:
        yield replace(row, problem=str(error))


def _glance(row: Row, both: Both) -> Iterator[Row | None]:
    """Whether the first elements of a large tensor differ."""
    try:
        if both.alike and next(both.chunks()).unequal.any():
            yield replace(row, differs=True)
    except PrunerError as error:
        yield replace(row, problem=str(error))
