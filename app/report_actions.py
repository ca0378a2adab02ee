"""What the command about reports does: it asks for a name, and has the report written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from app.actions import Actions
from app.session import Session
from pruner import Pruning, Saved
from resources import demo_model

_KINDS = {"Web pages (*.html)": "html", "Tables (*.csv)": "csv"}


class ReportActions(QObject):
    """A report is saved where something is pruned; it tells of the file that holds just that, if there is one."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._saved: tuple[Pruning | None, Saved] | None = None
        session.saved.connect(self._keep_saved)
        session.checkpoint_changed.connect(self._forget_saved)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What each command does, by its name."""
        return {"save_report": self.choose}

    def offer(self, actions: Actions) -> None:
        """Offer the command where it can run, from now on."""
        session = self._session
        refresh = partial(self._refresh, actions)
        for signal in (session.checkpoint_changed, session.pruning_changed, session.work.started, session.work.ended):
            signal.connect(refresh)
        refresh()

    def _refresh(self, actions: Actions, *_: object) -> None:
        actions["save_report"].setEnabled(self._session.pruning is not None and not self._session.work.busy)

    def choose(self) -> None:
        """Let the user choose where the report goes, and which kind it is."""
        checkpoint = self._session.checkpoint
        if checkpoint is None or self._session.files.refuse("No report was saved."):
            return
        source = checkpoint.path
        folder = Path.home() if source == demo_model() else source.parent
        dialog = QFileDialog(self._window, "Save report", str(folder / f"{source.stem}-report.html"))
        dialog.setObjectName("save_report_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(_KINDS))
        dialog.setDefaultSuffix("html")
        dialog.filterSelected.connect(partial(self._choose_kind, dialog))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.save(Path(chosen)))
        dialog.open()

    def _choose_kind(self, dialog: QFileDialog, kind: str) -> None:
        """Give the name the ending that goes with the kind."""
        dialog.setDefaultSuffix(_KINDS[kind])
        for chosen in dialog.selectedFiles()[:1]:
            dialog.selectFile(str(Path(chosen).with_suffix(f".{_KINDS[kind]}")))

    def save(self, path: Path) -> None:
        """Write the report; the ending of its name chooses the kind."""
        pruning, saved = self._saved or (None, None)
        self._session.report(path, saved if pruning is self._session.pruning else None)

    def _keep_saved(self, saved: Saved) -> None:
        self._saved = self._session.pruning, saved

    def _forget_saved(self) -> None:
        self._saved = None
