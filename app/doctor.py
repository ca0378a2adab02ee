"""Examining the open checkpoint, and repairing it, on the worker thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from app import numbers
from app.document import Document
from app.jobs import Failure, Job, WorkLane
from app.opening import Opened
from app.watcher import FileWatch
from pruner import Checkpoint, Pruning
from pruner.doctor import Finding, examine, repaired, united
from pruner.progress import Progress


class Doctor(QObject):
    """What was found in the document; a repair is a step like any other, which Undo takes back."""

    changed = Signal()
    """There are other findings."""

    def __init__(
        self,
        document: Document,
        work: WorkLane,
        files: FileWatch,
        failed: Callable[[Failure], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._work, self._files, self._failed = work, files, failed
        self._file: Checkpoint | None = None
        self.findings: tuple[Finding, ...] | None = None
        document.checkpoint_changed.connect(self._forget)

    def examine(self) -> None:
        """Look for what is wrong with the document's file; nothing changes."""
        checkpoint = self._file
        if checkpoint is None:
            return

        def run(progress: Progress) -> tuple[Finding, ...]:
            return examine(checkpoint, progress)

        def done(findings: tuple[Finding, ...]) -> None:
            if checkpoint is self._file:
                self.findings = findings
                self.changed.emit()

        self._files.submit(
            self._work, Job(f"Examining {checkpoint.path.name}", run, done, self._failed), "Nothing was examined."
        )

    def repair(self, findings: Sequence[Finding]) -> None:
        """Do the repairs of findings; raises nothing, what fails is told and changes nothing."""
        document, file, current = self._document, self._file, self._document.checkpoint
        repairs = [one.repair for one in findings if one.repair is not None and one.repair not in document.repairs]
        if file is None or current is None or not repairs:
            return
        pruning, before = document.pruning, document.repairs

        def run(progress: Progress) -> tuple[Opened, Pruning]:
            repair = united(repairs).after(united(before)) if before else united(repairs)
            made, masked = repaired(current, repair, pruning, progress, masks_of=file)
            return Opened.of(made), masked or Pruning()

        def done(found: tuple[Opened, Pruning]) -> None:
            if current is document.checkpoint:
                made, masked = found
                label = f"repair of {numbers.plural(len(repairs), 'finding')}"
                document.take_repaired(made, masked, repairs, label)
                titles = numbers.thinned("; ".join(repair.title for repair in repairs))
                document.tell("info", f"Repaired: {titles}. Save writes it.")

        self._files.submit(
            self._work, Job(f"Repairing {current.path.name}", run, done, self._failed), "Nothing was repaired."
        )

    def _forget(self) -> None:
        """Findings are those of a file: a repaired one is still that file."""
        checkpoint = self._document.checkpoint
        if checkpoint is not None and not checkpoint.edited and checkpoint is not self._file:
            self._file, self.findings = checkpoint, None
            self.changed.emit()
