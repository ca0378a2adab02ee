"""Files that are dropped on a widget."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent


def accept_files(event: QDragEnterEvent) -> None:
    """Take what is dragged if there is a file of this machine in it."""
    if any(url.isLocalFile() for url in event.mimeData().urls()):
        event.acceptProposedAction()


def dropped_file(event: QDropEvent) -> Path | None:
    """Take the first of the files that were dropped; None where there are none."""
    for url in event.mimeData().urls():
        if url.isLocalFile():
            event.acceptProposedAction()
            return Path(url.toLocalFile())
    return None
