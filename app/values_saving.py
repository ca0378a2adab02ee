"""Saving a tensor's values, or a part of them, for NumPy."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from app import numbers
from app.jobs import Job
from app.session import Session
from pruner.page import Sheet, State
from pruner.progress import Progress
from pruner.pyramid import Area
from pruner.save_array import array_dtype, save_array

SAVED: dict[State, str] = {"before": "values before", "after": "values after", "mask": "mask"}


def ask_where(session: Session, sheet: Sheet, state: State, area: Area | None, parent: QWidget) -> None:
    """Ask for a file, and save an area to it as a job; None for `area` is all of the tensor, in its own shape."""
    name = "".join(one if one.isalnum() or one in "._-" else "_" for one in sheet.info.name)[:100]
    dialog = QFileDialog(parent, "Save as .npy", str(sheet.checkpoint.path.parent / f"{name}-{state}.npy"))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(["NumPy array (*.npy)", "All files (*)"])
    dialog.setDefaultSuffix("npy")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda path: _save(session, sheet, state, area, Path(path)))
    dialog.open()


def _save(session: Session, sheet: Sheet, state: State, area: Area | None, path: Path) -> None:
    def run(progress: Progress) -> tuple[int, str]:
        dtype = array_dtype(sheet, state).name
        return save_array(sheet, state, path, area=area, progress=progress), dtype

    def done(saved: tuple[int, str]) -> None:
        nbytes, dtype = saved
        lacking = state != "mask" and dtype != sheet.info.dtype
        note = f", as {dtype}, since NumPy has no {sheet.info.dtype}" if lacking else ""
        session.tell("info", f"Saved {path} ({SAVED[state]}, {numbers.size(nbytes)}{note}).")

    job = Job(f"Saving {path.name}", run, done, session.take_failure)
    session.files.submit(session.work, job, "Nothing was saved.")
