"""A second checkpoint in the window: the panel at the bottom, the tab in the middle, and the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.chooser import Chooser
from app.compare_panel import ComparePanel
from app.compare_view import CompareView
from app.session import Session
from app.tensor_panel import TensorPanel

PANEL = "Compare"


class Comparing(QObject):
    """Brings the two places together; `raise_panel` shows the one at the bottom."""

    def __init__(
        self, session: Session, tensor: TensorPanel, raise_panel: Callable[[str], None], window: QWidget
    ) -> None:
        super().__init__(window)
        self._session, self._tensor, self._raise_panel = session, tensor, raise_panel
        self.panel = ComparePanel(session, window)
        self.view = CompareView(session, window)
        self._chooser = Chooser(session, window, session.comparison.open)
        session.comparison.changed.connect(self._show)
        self.panel.open_requested.connect(self.compare)
        self.panel.entered.connect(lambda: tensor.tabs.setCurrentWidget(self.view))

    def compare(self, path: Path | None = None) -> None:
        """Open a second checkpoint beside the document: a file, or the one that the user chooses."""
        self._raise_panel(PANEL)
        if path is None:
            self._chooser.choose_file()
        else:
            self._session.comparison.open(path)

    def _show(self) -> None:
        """The tab is there while there is a second checkpoint."""
        self._tensor.join(PANEL, self.view, self._session.comparison.other is not None)
