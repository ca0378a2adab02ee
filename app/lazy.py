"""Widgets that read numbers only while they are seen."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget


def seen(widget: QWidget) -> bool:
    """Whether any of it can be seen; a dock behind another one's tab counts as visible to Qt, too."""
    return not widget.visibleRegion().isEmpty()


class LazyPage(QWidget):
    """A page of tabs that catches up with what has changed at once while it is in front, else when it is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stale = True

    def showEvent(self, event: QShowEvent) -> None:
        """Coming to the front is the time to read."""
        super().showEvent(event)
        if self._stale:
            self._refresh()

    def _make_stale(self) -> None:
        self._stale = True
        if self.isVisible():
            self._refresh()

    def _refresh(self) -> None:
        self._stale = False
        self._catch_up()

    def _catch_up(self) -> None:
        """Show what is there now."""
        raise NotImplementedError
