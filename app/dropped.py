"""Files that are dragged here from elsewhere."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent


def accept_files(event: QDragEnterEvent) -> None:
    """Let go on what is dragged, if it is a file of this machine."""
    if _files(event):
        event.acceptProposedAction()


def dropped_file(event: QDropEvent) -> Path | None:
    """Take the first file that was dropped; None where none was."""
    files = _files(event)
    if not files:
        return None
    event.acceptProposedAction()
    return Path(files[0])


def _files(event: QDropEvent) -> list[str]:
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
