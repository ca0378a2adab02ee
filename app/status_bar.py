"""The status bar: the whole model at a glance, and the job at hand."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QStatusBar, QWidget

from app import numbers
from app.elided_label import ElidedLabel
from app.jobs import JobState
from app.plain import plain_label
from app.session import Session
from app.style import icon
from app.theme import current
from app.timers import once

_PARTS = 1000
_NOTE_MS = 10_000


class StatusBar(QStatusBar):
    """Elements, zeros and sparsity now and as planned on the left; progress, time left and Cancel on the right."""

    reload_requested = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizeGripEnabled(False)
        self.summary = plain_label(self)
        self.summary.setObjectName("summary")
        self.summary.setAccessibleName("The whole model")
        self.stale = QPushButton(self)
        self.stale.setObjectName("stale")
        self.stale.setProperty("role", "link")
        self.stale.setProperty("tone", "warning")
        self.stale.setWhatsThis(
            "The file on disk is not the one that was opened, or is gone. What is shown is what was opened; nothing is "
            "pruned or saved until the file is reloaded or back."
        )
        self.note = ElidedLabel(self)
        self.note.setObjectName("note")
        self.note.setAccessibleName("What happened last")
        self._fade = once(self, _NOTE_MS, self.note.clear)
        self.job = ElidedLabel(self)
        self.job.setObjectName("job")
        self.bar = QProgressBar(self)
        self.bar.setRange(0, _PARTS)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(140)
        self.bar.setAccessibleName("Progress of the job")
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setObjectName("cancel_job")
        self.cancel.setProperty("role", "link")
        self.cancel.setToolTip("Stop the job; nothing changes (Esc)")
        self.addWidget(self.stale)
        self.addWidget(self.summary, 1)
        for widget in (self.note, self.job, self.bar, self.cancel):
            self.addPermanentWidget(widget)
        self.cancel.clicked.connect(session.work.cancel)
        session.work.started.connect(self._show_job)
        session.work.progressed.connect(self._show_job)
        session.work.ended.connect(self._end_job)
        for signal in (
            session.checkpoint_changed,
            session.amounts_changed,
            session.pruning_changed,
            session.method_changed,
            session.counts_changed,
        ):
            signal.connect(self._refresh)
        session.files.changed.connect(self._show_stale)
        self.stale.clicked.connect(self._help_stale)
        self._end_job()
        self._show_stale()
        self._refresh()

    def show_note(self, text: str) -> None:
        """Say what happened, for some seconds."""
        self.note.setText(text)
        self._fade.start()

    def _show_stale(self) -> None:
        """Keep saying that the file is another, or gone, after the banner was closed."""
        state = self._session.files.state
        self.stale.setVisible(state != "same")
        self.stale.setText("Changed on disk: reload" if state == "changed" else "Not on disk any more")
        self.stale.setToolTip("Open the file anew (F5)" if state == "changed" else "Look for the file again")
        self.stale.setIcon(icon("warning", current().warning))

    def _help_stale(self) -> None:
        if self._session.files.state == "changed":
            self.reload_requested.emit()
        else:
            self._session.files.check()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "stale"):
            self._show_stale()

    def _show_job(self, state: JobState) -> None:
        self.note.clear()
        left = f" · {numbers.duration(state.seconds_left)} left" if state.seconds_left is not None else ""
        what = f" · {state.what}" if state.what and state.what not in state.title else ""
        self.job.setText(f"{state.title}{what}{left}")
        self.bar.setRange(0, _PARTS if state.total > 1 else 0)
        if state.total > 1:
            self.bar.setValue(_PARTS * state.done // state.total)
        self._set_job_visible(True)

    def _end_job(self, *_: object) -> None:
        self.job.setText("")
        self._set_job_visible(self._session.work.busy)

    def _set_job_visible(self, visible: bool) -> None:
        for widget in (self.job, self.bar, self.cancel):
            widget.setVisible(visible)

    def _refresh(self) -> None:
        checkpoint = self._session.checkpoint
        if checkpoint is None:
            self.summary.setText("")
            return
        parts = [
            numbers.plural(len(checkpoint.tensors), "tensor"),
            numbers.plural(checkpoint.numel, "element"),
            self._zeros(),
            f"file {numbers.size(checkpoint.file_bytes)}",
        ]
        self.summary.setText(" · ".join(part for part in parts if part))

    def _zeros(self) -> str:
        checkpoint = self._session.checkpoint
        assert checkpoint is not None
        countable = sum(info.prunable for info in checkpoint.tensors.values())
        planned = self._session.next_round
        known, total = planned.outlook_of_all()
        if known < countable and len(self._session.zeros) < countable:
            return f"counting zeros ({numbers.percent(known / countable)} of the tensors)"
        if not total.numel:
            return ""
        now = f"zeros {numbers.percent(total.now / total.numel)} now"
        if not planned.planned or total.planned is None:  # some rounds tell only when they have run
            return now
        return f"{now}, {numbers.percent(total.planned / total.numel)} planned"
