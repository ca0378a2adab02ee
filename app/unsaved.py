"""What to do with pruning that no file holds, before it would be lost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.session import Session
from pruner import Saved


class Unsaved(QObject):
    """Asks once, and goes on when the answer, or the saving, allows it."""

    def __init__(self, session: Session, window: QWidget, save: Callable[[], object]) -> None:
        """`save` lets the user save; what was to be done goes on when that has worked."""
        super().__init__(window)
        self._session = session
        self._window = window
        self._save = save
        self._leaving: Callable[[], object] | None = None
        session.saved.connect(self._after_saving)

    def ask_then(self, go_on: Callable[[], object]) -> None:
        """Ask where there is pruning to lose, then go on (or not)."""
        if not self._session.unsaved:
            go_on()
            return
        buttons = QMessageBox.StandardButton
        box = QMessageBox(self._window)
        box.setObjectName("unsaved")
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Secateur")
        box.setText("The pruning is not saved.")
        if self._session.files.state == "same":
            box.setInformativeText("Save it to a new file first?")
            box.setStandardButtons(buttons.Save | buttons.Discard | buttons.Cancel)
        else:
            box.setInformativeText(
                "It cannot be saved, since the file it belongs to is not the one that was opened. Discard it?"
            )
            box.setStandardButtons(buttons.Discard | buttons.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def answer(chosen: int) -> None:
            if chosen == buttons.Discard.value:
                go_on()
            elif chosen == buttons.Save.value:
                self._leaving = go_on
                self._save()

        box.finished.connect(answer)
        box.open()

    def stay(self) -> None:
        """Do not go on after the next saving."""
        self._leaving = None

    def _after_saving(self, _saved: Saved) -> None:
        if self._leaving is not None:
            leave, self._leaving = self._leaving, None
            leave()
