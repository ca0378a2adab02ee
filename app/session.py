"""The document with the lanes that work on it: opening, pruning, saving, counting."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app import numbers, planning, verdicts
from app.channels import count_channels
from app.comparison import Comparison
from app.device_list import DeviceList
from app.doctor import Doctor
from app.document import Document
from app.fitting import carried
from app.history import State
from app.jobs import Failure, Job, ViewLane, WorkLane, share_cores
from app.next_round import Entries, NextRound
from app.opening import Opened, open_again, open_document
from app.watcher import FileWatch
from app.zeros import count_in_file
from pruner import Plan, Pruning, Saved, prune, report, save
from pruner.progress import Progress
from pruner.prune import prune_rounds


class Session(Document):
    """One document at a time, and the work on it that other threads do."""

    saved = Signal(object)
    """A `Saved`: the document was saved."""
    tried = Signal(object)
    """A `Trial`: an amount of the current tensor is being tried, and not planned yet; None: no more."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.work = WorkLane(self)
        self.view = ViewLane(self)
        self.files = FileWatch(self.view, self)
        self.files.message.connect(self.message)
        self.devices = DeviceList(self.view, self)
        self.doctor = Doctor(self, self.work, self.files, self.take_failure, self)
        self.comparison = Comparison(self, self.work, self.view)
        self.method_changed.connect(self._count_channels)
        self.pruning_changed.connect(self._count_channels)

    def close(self) -> None:
        """Stop both lanes; a job at hand is cancelled and leaves nothing behind."""
        self.files.close()
        self.work.close()
        self.view.close()

    # What the user does

    def open(self, path: Path, root: str | None = None) -> None:
        """Open a file, a folder of shards or an index; the open document stays if that fails."""

        def run(progress: Progress) -> Opened:
            return open_document(path, root, progress)

        self.work.submit(Job(f"Opening {path.name}", run, self._opened, self.take_failure))

    def reload(self) -> None:
        """Open the document's file anew: amounts that still fit stay planned, what was pruned goes."""
        old = self.checkpoint
        if old is None:
            return

        def run(progress: Progress) -> Opened:
            return open_again(old, progress)

        self.work.submit(Job(f"Reloading {old.path.name}", run, self._reloaded, self.take_failure))

    def select(self, names: Sequence[str]) -> None:
        """Select tensors, the one to show large first."""
        if tuple(names) != self.selected:
            self.files.check()  # numbers are about to be read from them
        super().select(names)

    def prune(self) -> None:
        """Run the planned round on the worker thread; Cancel and errors leave everything as it was."""
        planned, device = self.next_round, self.devices.chosen
        checkpoint, before = planned.checkpoint, planned.pruning
        if checkpoint is None or not planned.planned:
            return
        plan = planned.choice.plan(planned.planned, checkpoint.tensors)

        def run(progress: Progress) -> Pruning:
            share_cores((os.cpu_count() or 2) - 1)
            return prune(checkpoint, plan, device, progress, after=before)

        def done(pruning: Pruning) -> None:
            self._pruned(planned, pruning)

        title = f"Pruning {numbers.plural(len(plan.steps), 'tensor')}"
        self.files.submit(self.work, Job(title, run, done, self.take_failure), "Nothing was pruned.")

    def run_plans(self, name: str, plans: Sequence[Plan], *, afresh: bool) -> None:
        """Run the rounds of a recipe as one job and one step, afresh or on what is pruned; as `prune` does else."""
        checkpoint, before, device = self.checkpoint, None if afresh else self.pruning, self.devices.chosen
        if checkpoint is None:
            return

        def run(progress: Progress) -> Pruning:
            share_cores((os.cpu_count() or 2) - 1)
            return prune_rounds(checkpoint, plans, device, progress, after=before)

        def done(pruning: Pruning) -> None:
            if checkpoint is self.checkpoint:
                self._step(lambda: self._history.push(f"recipe {name}", replace(self._history.state, pruning=pruning)))
                self._tell_pruned(pruning, {tensor for plan in plans for tensor in plan.steps}, before)

        title = f"Recipe {name}: {numbers.plural(len(plans), 'round')}"
        self.files.submit(self.work, Job(title, run, done, self.take_failure), "Nothing was pruned.")

    def save(self, path: Path, form: str, shard_bytes: int | None = None, compress: bool = False) -> None:
        """Save what is pruned now to a new file in the container that its ending chooses, or as shards of a size."""
        checkpoint, pruning = self.checkpoint, self.pruning
        if checkpoint is None or pruning is None:
            return

        def run(progress: Progress) -> Saved:
            return save(checkpoint, pruning, path, form, shard_bytes=shard_bytes, compress=compress, progress=progress)

        def done(saved: Saved) -> None:
            self._saved(pruning, saved)

        self.files.submit(self.work, Job(f"Saving {path.name}", run, done, self.take_failure), "Nothing was saved.")

    def report(self, path: Path, saved: Saved | None) -> None:
        """Write a report of what is pruned now; `saved` is the file that holds it, where there is one."""
        checkpoint, pruning = self.checkpoint, self.pruning
        if checkpoint is None or pruning is None:
            return

        def run(progress: Progress) -> None:
            output = saved if saved is not None and saved.path.exists() else None
            report(checkpoint, pruning, path, output, progress=progress)

        def done(_: None) -> None:
            self.tell("info", f"Saved the report {path}.")

        self.files.submit(self.work, Job(f"Report {path.name}", run, done, self.take_failure), "No report was saved.")

    def undo(self) -> None:
        """Take the last step back."""
        if self.undo_label is not None and not self.work.busy:
            self._step(self._history.undo)

    def redo(self) -> None:
        """Bring the step that was taken back again."""
        if self.redo_label is not None and not self.work.busy:
            self._step(self._history.redo)

    def load_torch(self) -> None:
        """Import torch behind the window, once, and learn which devices it can use."""
        self.devices.load_torch(self.take_failure)

    # What comes back from the lanes, on the GUI thread

    def _opened(self, opened: Opened) -> None:
        self._take(opened, {}, ())
        self._take_up(opened)

    def _reloaded(self, opened: Opened) -> None:
        old, planned, new = self.checkpoint, self.amounts, opened.checkpoint
        assert old is not None
        kept = carried(old, new, planned)
        self._take(opened, kept, tuple(name for name in self.selected if name in new.tensors))
        if old.root != new.root:
            self.tell("warning", f"{new.path.name} has no weights under “{old.root}” any more.")
        if gone := len(planned) - len(kept):
            self.tell("warning", f"{numbers.plural(gone, 'planned amount')} no longer fit and went.")
        self._take_up(opened)
        self.tell("info", f"Reloaded {new.path.name}.")

    def _take(self, opened: Opened, planned: Entries, selected: tuple[str, ...]) -> None:
        """Make a checkpoint the document, with these amounts planned and these tensors selected."""
        checkpoint = opened.checkpoint
        before = self.checkpoint
        warned = verdicts.danger(before) if before is not None and before.path == checkpoint.path else ""
        self._renew(State(planned, None, self.choice, checkpoint, opened.forest))
        self._saved_pruning = None
        self.files.watch(checkpoint)
        self._announce(selected)
        for warning in checkpoint.warnings:
            self.tell("warning", warning)
        if (danger := verdicts.danger(checkpoint)) != warned and danger:
            self.tell("warning", danger, offer="show_file")
        self.load_torch()

    def _announce(self, selected: Sequence[str]) -> None:
        super()._announce(selected)
        assert self.checkpoint is not None
        self.view.request("zeros", count_in_file(self.checkpoint), self._found_zeros, self.take_failure, urgency=1)

    def _take_up(self, opened: Opened) -> None:
        """Go on from the pruning that the file holds beside its original values; Undo takes it off."""
        if (pruning := opened.pruning) is not None:
            state = replace(self._history.state, pruning=pruning)
            label = f"stored pruning of {numbers.plural(len(pruning), 'tensor')}"
            self._step(lambda: self._history.push(label, state))
            self._saved_pruning = pruning
            self.tell("info", f"The file holds the original values and the {label}, which Undo takes off.")
        if opened.damage:
            self.tell("warning", opened.damage)

    def _count_channels(self) -> None:
        """Count the channels that are left, where an amount counts them and rounds have pruned some."""
        planned = self.next_round
        if planned.checkpoint is None or planned.pruning is None or not planned.choice.counts_channels:
            self.view.drop("channels")
            return
        self.view.request("channels", count_channels(planned), self._found_channels, self.take_failure, urgency=0)

    def _pruned(self, planned: NextRound, pruning: Pruning) -> None:
        if planned.checkpoint is not self.checkpoint:
            return
        taken, before = planned.planned, planned.entries
        kept = {
            name: amount
            for name, amount in self.amounts.items()
            if name not in taken and name in before and before[name] == amount
        }
        edited = {
            name: amount
            for name, amount in self.amounts.items()
            if name not in kept and (name not in before or before[name] != amount)
        }
        self._last_amounts = {name: before[name] for name in taken}
        label = f"pruning of {numbers.plural(len(taken), 'tensor')}"
        self._step(lambda: self._history.push(label, replace(self._history.state, amounts=kept, pruning=pruning)))
        if fit := planning.still_fitting(self.next_round, edited):  # planned while the round ran, for the next one
            self._plan(f"amounts of {numbers.plural(len(fit), 'tensor')}", {**kept, **fit})
        self._tell_pruned(pruning, taken, planned.pruning)

    def _tell_pruned(self, pruning: Pruning, names: Collection[str], before: Pruning | None) -> None:
        """What rounds did to these tensors since `before`."""
        count = sum(pruning[name].pruned - (before[name].pruned if before and name in before else 0) for name in names)
        self.tell(
            "info",
            f"Pruned {numbers.count(count)} elements of {numbers.plural(len(names), 'tensor')} "
            f"on {pruning.device} in {numbers.duration(pruning.seconds)}.",
        )
        for warning in pruning.warnings:
            self.tell("warning", warning)

    def _saved(self, pruning: Pruning, saved: Saved) -> None:
        self._saved_pruning = pruning
        self.saved.emit(saved)
        self.tell("info", f"Saved {saved.path} ({saved.form}, {numbers.size(saved.nbytes)}).")
        for note in saved.notes:
            self.tell("warning", note)

    def take_failure(self, failure: Failure) -> None:
        """Tell of a job that did not end well; where it was not cancelled, the file may have changed."""
        self.tell_failure(failure)
        if not failure.cancelled:
            self.files.check()

    def take_unread(self, failure: Failure) -> None:
        """Numbers that a view shows could not be read, which it says itself; the file may have changed."""
        self.files.check()
        if failure.details:
            self.tell_failure(failure)


def quicken_threads() -> None:
    """Let threads take turns every 2 ms instead of 5, so that the window answers while others compute."""
    sys.setswitchinterval(0.002)
