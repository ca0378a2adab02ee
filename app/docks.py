"""Where the panels are around the centre, and how they come back there."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea
_SIGN = "⚠"
_LEFT_WIDTH, _RIGHT_WIDTH, _BOTTOM_HEIGHT = 572, 288, 230


class Docks:
    """The panels of a window by name: one left, one right, the others as tabs at the bottom."""

    def __init__(self, window: QMainWindow, left: QWidget, right: QWidget, bottom: dict[str, QWidget]) -> None:
        self._window = window
        self._left = self._dock("Model", left)
        self._right = self._dock("Pruning", right)
        self._bottom = [self._dock(title, panel) for title, panel in bottom.items()]

    def _dock(self, title: str, panel: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(_object_name(title))
        dock.setWidget(panel)
        return dock

    def raise_panel(self, title: str) -> None:
        """Show a panel of the bottom, by its first title, and bring its tab to the front."""
        dock = self._named(title)
        dock.show()
        dock.raise_()
        dock.widget().setFocus()

    def warn(self, title: str, on: bool) -> None:
        """Put a warning sign before a panel's title, or take it away."""
        self._named(title).setWindowTitle(f"{_SIGN} {title}" if on else title)

    def _named(self, title: str) -> QDockWidget:
        return next(dock for dock in self._bottom if dock.objectName() == _object_name(title))

    def toggles(self) -> Iterator[QAction]:
        """For each panel the action that shows or hides it."""
        for dock in (self._left, self._right, *self._bottom):
            yield dock.toggleViewAction()

    def reset(self) -> None:
        """Put every panel to where it is at first, and show it."""
        window, first = self._window, self._bottom[0]
        for dock in (self._left, self._right, *self._bottom):
            dock.setFloating(False)
        for dock, area in ((self._left, _LEFT), (self._right, _RIGHT), (first, _BOTTOM)):
            window.addDockWidget(area, dock)
        for dock in self._bottom[1:]:
            window.addDockWidget(_BOTTOM, dock)
            window.tabifyDockWidget(first, dock)
        for dock in (self._left, self._right, *self._bottom):
            dock.show()
        first.raise_()
        window.resizeDocks([self._left, self._right], [_LEFT_WIDTH, _RIGHT_WIDTH], Qt.Orientation.Horizontal)
        window.resizeDocks([first], [_BOTTOM_HEIGHT], Qt.Orientation.Vertical)

    def keep(self) -> None:
        """Remember the window's size and its panels for the next start."""
        settings = QSettings()
        settings.setValue("window/geometry", self._window.saveGeometry())
        settings.setValue("window/state", self._window.saveState())

    def restore(self) -> None:
        """Put the window and its panels to where they were kept, if they were."""
        settings = QSettings()
        geometry, state = settings.value("window/geometry"), settings.value("window/state")
        if geometry is not None:
            self._window.restoreGeometry(geometry)
        if state is not None:
            self._window.restoreState(state)


def _object_name(title: str) -> str:
    return f"dock_{title.lower()}"
