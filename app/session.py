"""The open document: all state that changes, and the signals that say so."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app import numbers, verdicts
from app.fitting import carried, fitting, is_prunable, left, require_fits
from app.history import History, State
from app.jobs import Failure, Job, ViewLane, WorkLane, share_cores
from app.messages import Message, Severity
from app.opening import Opened, first_selected, open_again, open_document
from app.watcher import FileWatch
from app.zeros import Outlook, count_in_file, outlook
from pruner import (
    Amount,
    Checkpoint,
    Plan,
    Pruning,
    Saved,
    Step,
    TensorInfo,
    prune,
    save,
)
from pruner.devices import Device, available
from pruner.module_tree import ModuleNode
from pruner.progress import Progress


class Session(QObject):
    """One document at a time, what is planned and done to it, and the lanes that work on it.

    Signals carry nothing but what happened; who listens asks for what it needs.
    """

    checkpoint_changed = Signal()
    amounts_changed = Signal()
    pruning_changed = Signal()
    selection_changed = Signal()
    zeros_changed = Signal()
    devices_changed = Signal()
    saved = Signal(object)
    """A `Saved`: the document was saved."""
    message = Signal(object)
    """A `Message`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.work = WorkLane(self)
        self.view = ViewLane(self)
        self.files = FileWatch(self.view, self)
        self.files.message.connect(self.message)
        self.checkpoint: Checkpoint | None = None
        self.tree: ModuleNode | None = None
        self.selected: tuple[str, ...] = ()
        self.zeros: Mapping[str, int] = {}
        self.devices: tuple[Device, ...] = (Device("cpu", "CPU"),)
        self.device = "cpu"
        self._history = History()
        self._saved_pruning: Pruning | None = None
        self._last_amounts: Mapping[str, Amount] = {}
        self._torch_asked = False

    def close(self) -> None:
        """Stop both lanes; a job at hand is cancelled and leaves nothing behind."""
        self.files.close()
        self.work.close()
        self.view.close()

    # What is known

    @property
    def pruning(self) -> Pruning | None:
        """What is pruned now; None where nothing is."""
        return self._history.state.pruning

    @property
    def amounts(self) -> Mapping[str, Amount]:
        """What the next round would prune, by tensor."""
        return self._history.state.amounts

    @property
    def current(self) -> str | None:
        """The selected tensor that is shown large."""
        return self.selected[0] if self.selected else None

    @property
    def unsaved(self) -> bool:
        """Whether there is pruning that no saved file holds."""
        return self.pruning is not None and self.pruning is not self._saved_pruning

    @property
    def last_amounts(self) -> Mapping[str, Amount]:
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

    def planned_count(self, name: str) -> int | None:
        """Elements that the next round would prune; None where nothing is planned."""
        amount = self.amounts.get(name)
        return None if amount is None else amount.count(self.left(name))

    def outlook(self, name: str) -> Outlook | None:
        """Zeros of a tensor now and after the next round; None while its values are not counted."""
        assert self.checkpoint is not None
        counted = self.zeros.get(name)
        if counted is None and (self.pruning is None or name not in self.pruning):
            return None
        return outlook(self.checkpoint[name].numel, counted or 0, self.pruning, name, self.amounts.get(name))

    def is_prunable(self, info: TensorInfo) -> bool:
        """Whether an amount has a meaning for the tensor."""
        return is_prunable(info)

    # What the user does

    def open(self, path: Path, root: str | None = None) -> None:
        """Open a file, a folder of shards or an index; the open document stays if that fails."""

        def run(progress: Progress) -> Opened:
            return open_document(path, root, progress)

        self.work.submit(Job(f"Opening {path.name}", run, self._opened, self._failed))

    def reload(self) -> None:
        """Open the document's file anew: amounts that still fit stay planned, what was pruned goes."""
        old = self.checkpoint
        if old is None:
            return

        def run(progress: Progress) -> Opened:
            return open_again(old, progress)

        self.work.submit(Job(f"Reloading {old.path.name}", run, self._reloaded, self._failed))

    def select(self, names: Sequence[str]) -> None:
        """Select tensors, the one to show large first."""
        if tuple(names) != self.selected:
            self.selected = tuple(names)
            self.files.check()  # numbers are about to be read from them
            self.selection_changed.emit()

    def set_amounts(self, names: Iterable[str], amount: Amount | None) -> None:
        """Plan an amount for tensors, or none; all of them or, where it does not fit one, none.

        Raises `PrunerError` with the tensor and the reason.
        """
        names = list(names)
        if amount is not None:
            self.require_fit(names, amount)
        planned = {name: kept for name, kept in self.amounts.items() if name not in set(names)}
        if amount is not None:
            planned.update(dict.fromkeys(names, amount))
        what = names[0] if len(names) == 1 else numbers.plural(len(names), "tensor")
        self._plan(f"amount of {what}", planned, merges=tuple(names))

    def require_fit(self, names: Iterable[str], amount: Amount) -> None:
        """Raise `PrunerError` with the tensor and the reason where an amount does not fit one of the tensors."""
        assert self.checkpoint is not None
        for name in names:
            require_fits(self.checkpoint, self.pruning, name, amount)

    def plan_again(self) -> None:
        """Plan the amounts of the last round for the next one, where they still fit."""
        if self.checkpoint is not None:
            fit = fitting(self.checkpoint, self.pruning, self._last_amounts)
            self._plan(f"amounts of {numbers.plural(len(fit), 'tensor')}", {**self.amounts, **fit})

    def prune(self) -> None:
        """Run the planned round on the worker thread; Cancel and errors leave everything as it was."""
        checkpoint, planned, before, device = self.checkpoint, dict(self.amounts), self.pruning, self.device
        if checkpoint is None or not planned:
            return
        steps = {name: Step(planned[name]) for name in checkpoint.tensors if name in planned}

        def run(progress: Progress) -> Pruning:
            share_cores((os.cpu_count() or 2) - 1)
            return prune(checkpoint, Plan(steps), device, progress, after=before)

        def done(pruning: Pruning) -> None:
            self._pruned(checkpoint, planned, pruning)

        title = f"Pruning {numbers.plural(len(steps), 'tensor')}"
        self.files.submit(self.work, Job(title, run, done, self._failed), "Nothing was pruned.")

    def save(self, path: Path, form: str, shard_bytes: int | None = None) -> None:
        """Save what is pruned now to a new file in the container that its ending chooses, or as shards of a size."""
        checkpoint, pruning = self.checkpoint, self.pruning
        if checkpoint is None or pruning is None:
            return

        def run(progress: Progress) -> Saved:
            return save(checkpoint, pruning, path, form, shard_bytes=shard_bytes, progress=progress)

        def done(saved: Saved) -> None:
            self._saved(pruning, saved)

        self.files.submit(self.work, Job(f"Saving {path.name}", run, done, self._failed), "Nothing was saved.")

    def undo(self) -> None:
        """Take the last step back."""
        if self._history.undo_label is not None and not self.work.busy:
            self._swap(self._history.undo)

    def redo(self) -> None:
        """Bring the step that was taken back again."""
        if self._history.redo_label is not None and not self.work.busy:
            self._swap(self._history.redo)

    def forget_pruning(self) -> None:
        """Take the pruning as not worth saving, so that closing does not ask again."""
        self._saved_pruning = self.pruning

    def choose_device(self, name: str) -> None:
        """Prune on that device from now on."""
        self.device = name
        self.devices_changed.emit()

    def load_torch(self) -> None:
        """Import torch behind the window, once, and learn which devices it can use.

        It comes before all else on the view lane, whose share of the cores it sets.
        """
        if self._torch_asked:
            return
        self._torch_asked = True

        def steps() -> Iterator[tuple[Device, ...]]:
            share_cores(1)
            yield available()

        self.view.request("torch", steps(), self._devices_found, self._failed, urgency=-1)

    def tell(self, severity: Severity, text: str, details: str = "", offer: str = "") -> None:
        """Show a message; `offer` names the command that helps."""
        self.message.emit(Message(severity, text, details, offer))

    # What comes back from the lanes, on the GUI thread

    def _opened(self, opened: Opened) -> None:
        self._take(opened, {}, ())

    def _reloaded(self, opened: Opened) -> None:
        old, planned, new = self.checkpoint, self.amounts, opened.checkpoint
        assert old is not None
        kept = carried(old, new, planned)
        self._take(opened, kept, tuple(name for name in self.selected if name in new.tensors))
        if old.root != new.root:
            self.tell("warning", f"{new.path.name} has no weights under “{old.root}” any more.")
        if gone := len(planned) - len(kept):
            self.tell("warning", f"{numbers.plural(gone, 'planned amount')} no longer fit and went.")
        self.tell("info", f"Reloaded {new.path.name}.")

    def _take(self, opened: Opened, planned: Mapping[str, Amount], selected: tuple[str, ...]) -> None:
        """Make a checkpoint the document, with these amounts planned and these tensors selected."""
        checkpoint = opened.checkpoint
        before = self.checkpoint
        warned = verdicts.danger(before) if before is not None and before.path == checkpoint.path else ""
        self.checkpoint, self.tree = checkpoint, opened.tree
        self._history = History(State(planned))
        self._saved_pruning = None
        self._last_amounts = {}
        self.zeros = {}
        self.selected = ()
        self.files.watch(checkpoint)
        self.checkpoint_changed.emit()
        self.pruning_changed.emit()
        self.amounts_changed.emit()
        self.selected = selected or first_selected(checkpoint)
        self.selection_changed.emit()
        for warning in checkpoint.warnings:
            self.tell("warning", warning)
        if (danger := verdicts.danger(checkpoint)) != warned and danger:
            self.tell("warning", danger, offer="show_file")
        self.load_torch()
        self.view.request("zeros", count_in_file(checkpoint), self._counted, self._failed, urgency=1)

    def _counted(self, found: Mapping[str, int]) -> None:
        self.zeros = {**self.zeros, **found}
        self.zeros_changed.emit()

    def _pruned(self, checkpoint: Checkpoint, planned: Mapping[str, Amount], pruning: Pruning) -> None:
        if checkpoint is not self.checkpoint:
            return
        label = f"pruning of {numbers.plural(len(planned), 'tensor')}"
        edited = {name: amount for name, amount in self.amounts.items() if planned.get(name) != amount}
        self._last_amounts = planned
        self._history.push(label, State({}, pruning))
        if fit := fitting(checkpoint, pruning, edited):  # planned while the round ran, for the next one
            self._plan(f"amounts of {numbers.plural(len(fit), 'tensor')}", fit)
        self.pruning_changed.emit()
        self.amounts_changed.emit()
        taken = sum(pruning[name].rounds[-1].pruned for name in planned)
        self.tell(
            "info",
            f"Pruned {numbers.count(taken)} elements of {numbers.plural(len(planned), 'tensor')} "
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

    def _devices_found(self, devices: tuple[Device, ...]) -> None:
        self.devices = devices
        self.device = devices[1 if len(devices) > 1 else 0].name
        self.devices_changed.emit()

    def _failed(self, failure: Failure) -> None:
        if failure.cancelled:
            self.tell("info", failure.text)
        else:
            self.tell("bug" if failure.details else "error", failure.text, failure.details)
            self.files.check()

    # Steps

    def _plan(self, label: str, amounts: Mapping[str, Amount], merges: object = None) -> None:
        if dict(amounts) == dict(self.amounts):
            return
        self._history.push(label, replace(self._history.state, amounts=amounts), merges)
        self.amounts_changed.emit()

    def _swap(self, step: Callable[[], None]) -> None:
        before = self._history.state
        step()
        if before.pruning is not self.pruning:
            self.pruning_changed.emit()
        self.amounts_changed.emit()


def quicken_threads() -> None:
    """Let threads take turns every 2 ms instead of 5, so that the window answers while others compute."""
    sys.setswitchinterval(0.002)
