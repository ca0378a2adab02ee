"""The dialogs that choose what to open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from app.session import Session
from pruner.formats import formats


class Chooser:
    """Asks for a file or a folder, beginning beside the one that is open, and hands on what was chosen."""

    def __init__(self, session: Session, window: QWidget, chosen: Callable[[Path], object]) -> None:
        self._session = session
        self._window = window
        self._chosen = chosen

    def choose_file(self) -> None:
        """Let the user choose a file to open."""
        endings = " ".join(f"*{suffix}" for one in formats().values() for suffix in one.suffixes)
        dialog = QFileDialog(self._window, "Open a checkpoint", self._folder())
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"Checkpoints ({endings} *.safetensors.index.json)", "All files (*)"])
        self._open(dialog)

    def choose_folder(self) -> None:
        """Let the user choose a folder of shards to open."""
        dialog = QFileDialog(self._window, "Open a folder of shards, or a distributed checkpoint", self._folder())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        self._open(dialog)

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self._chosen(Path(chosen)))
        dialog.open()

    def _folder(self) -> str:
        checkpoint = self._session.checkpoint
        return str(checkpoint.path.parent) if checkpoint is not None else ""
