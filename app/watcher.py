"""Notices that the files of the open checkpoint became others, or went away, while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from PySide6.QtCore import QFileSystemWatcher, QObject, Signal
from shiboken6 import delete, isValid

from app.jobs import Failure, Job, ViewLane, WorkLane
from app.messages import Message
from app.timers import once
from pruner import Checkpoint, FileChangedError
from pruner.checkpoint import FileStamp
from pruner.progress import Progress

FileState = Literal["same", "changed", "gone"]
RELOAD = "reload"
"""The command that helps; messages about the file offer it."""
MOST_WATCHED = 64
_CALM_MS = 200
"""A file that is being written changes many times; one look after the last of them is enough."""
_RETURN_MS = 2000
"""How often a file that is gone is looked for: nothing tells when a drive is connected again."""


def state_of(checkpoint: Checkpoint) -> FileState:
    """Whether the files are those that were opened. It asks the disk, so it is not for the GUI thread."""
    try:
        checkpoint.require_unchanged()
    except FileChangedError:
        return "changed" if all(_is_there(stamp) for stamp in checkpoint.files) else "gone"
    return "same"


def described(checkpoint: Checkpoint, state: FileState) -> str:
    """What the user is told of a state."""
    name = checkpoint.path.name
    subject = name if len(checkpoint.files) == 1 else f"A file of {name}"
    if state == "changed":
        return f"{subject} has changed on disk since it was opened."
    if state == "gone":
        return f"{subject} is not there any more: it was moved, renamed or deleted, or its drive is not connected."
    return ""


class FileWatch(QObject):
    """The state of the open checkpoint's files: told by the system, and looked up on the view lane.

    What the system tells is only a hint (it tells nothing of network drives, and loses a file that is replaced by
    another of its name): each hint leads to a look.
    """

    changed = Signal()
    """The state is another."""
    message = Signal(object)
    """A `Message`."""

    def __init__(self, view: ViewLane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._checkpoint: Checkpoint | None = None
        self.state: FileState = "same"
        self._watcher = QFileSystemWatcher(self)
        self._calm = once(self, _CALM_MS, self._look_again)
        self._return = once(self, _RETURN_MS, self.check)
        self._watcher.fileChanged.connect(self._hinted)

    def watch(self, checkpoint: Checkpoint) -> None:
        """Watch the files of this checkpoint from now on, and those of no other."""
        self._checkpoint = checkpoint
        self.settle("same")
        self._look_again()  # it may have changed between its opening and now

    def check(self) -> None:
        """Look whether the files are still those that were opened; `changed` tells if that is news."""
        checkpoint = self._checkpoint
        if checkpoint is None:
            return

        def steps() -> Iterator[FileState]:
            yield state_of(checkpoint)

        def show(found: FileState) -> None:
            if checkpoint is self._checkpoint:
                is_back = self.state == "gone" and found != "gone"
                self.settle(found)
                if is_back:
                    self._look_again()

        self._view.request("files", steps(), show, self._failed, urgency=-1)

    def settle(self, state: FileState) -> None:
        """Take what was found of the files, here or by a job that was about to use them."""
        if state == "gone":
            self._return.start()
        if state != self.state:
            self.state = state
            self.changed.emit()
            if self._checkpoint is not None and state != "same":
                self.message.emit(Message("warning", described(self._checkpoint, state), offer=RELOAD))

    def refuse(self, refusal: str) -> bool:
        """Whether the file is not the one that was opened; the user is told what that forbids (“Nothing was saved.”)"""
        if self._checkpoint is None or self.state == "same":
            return False
        way_out = "Reload it first." if self.state == "changed" else "Put it back, or open another."
        text = f"{refusal} {described(self._checkpoint, self.state)} {way_out}"
        self.message.emit(Message("error", text, offer=RELOAD))
        self.check()
        return True

    def submit(self, work: WorkLane, job: Job, refusal: str) -> None:
        """Run a job that reads the checkpoint's files, unless they are not those that were opened."""
        checkpoint = self._checkpoint
        if checkpoint is None or self.refuse(refusal):
            return

        def run(progress: Progress) -> tuple[FileState, Any]:
            state = state_of(checkpoint)
            return state, job.run(progress) if state == "same" else None

        def done(result: tuple[FileState, Any]) -> None:
            state, found = result
            if state == "same":
                job.done(found)
            elif checkpoint is self._checkpoint:
                self.settle(state)
                self.refuse(refusal)

        work.submit(replace(job, run=run, done=done))

    def close(self) -> None:
        """Watch nothing any more.

        The watcher goes at once, on its own thread: it has a notifier there, which the collector of garbage, on any
        other thread, would leave behind.
        """
        self._checkpoint = None
        self._calm.stop()
        self._return.stop()
        if isValid(self._watcher):
            delete(self._watcher)

    def _hinted(self, _path: str) -> None:
        self._calm.start()

    def _look_again(self) -> None:
        """Watch the files anew, and look: what came between the two watches was told to nobody.

        A path that was replaced by rename is watched as its old file or not at all, so all are given again. This does
        not wait for a disk: the system, or a lane, has just dealt with these files.
        """
        if self._checkpoint is None:
            return
        self._unwatch()
        self._watcher.addPaths([str(stamp.path) for stamp in self._checkpoint.files[:MOST_WATCHED]])
        self.check()

    def _unwatch(self) -> None:
        if watched := self._watcher.files():
            self._watcher.removePaths(watched)

    def _failed(self, _failure: Failure) -> None:
        """A look that failed says nothing; the next use of the file tells its own error."""


def _is_there(stamp: FileStamp) -> bool:
    try:
        FileStamp.of(stamp.path)
    except OSError:
        return False
    return True
