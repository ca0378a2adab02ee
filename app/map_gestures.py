"""What mouse and keys do to the map."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

_ZOOM = 1.25
_STEP = 60


class Gestures(QWidget):
    """A widget that is panned, zoomed and pointed into; who inherits it does what they ask for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._dragged: QPointF | None = None

    def zoom(self, factor: float, point: QPointF | None = None) -> None:
        """Look from nearer by a factor, around a point of the widget or the middle."""
        raise NotImplementedError

    def pan(self, by: QPointF) -> None:
        """Drag the pictures by so many pixels."""
        raise NotImplementedError

    def fit(self) -> None:
        """Show everything."""
        raise NotImplementedError

    def point(self, point: QPointF | None) -> None:
        """Tell what is at a point of the widget, or point at nothing."""
        raise NotImplementedError

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the cursor."""
        self.zoom(_ZOOM ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or tell what is under the cursor."""
        if self._dragged is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self.pan(event.position() - self._dragged)
            self._dragged = event.position()
        self.point(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End dragging."""
        self._dragged = None

    def leaveEvent(self, event: QEvent) -> None:
        """Point at nothing."""
        self.point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Pan with the arrows, zoom with + and −, show all with Home."""
        keys = Qt.Key
        pans = {keys.Key_Left: (1, 0), keys.Key_Right: (-1, 0), keys.Key_Up: (0, 1), keys.Key_Down: (0, -1)}
        key = Qt.Key(event.key())
        if key in pans:
            self.pan(QPointF(*pans[key]) * _STEP)
        elif key in (keys.Key_Plus, keys.Key_Equal, keys.Key_Minus):
            self.zoom(1 / _ZOOM if key == keys.Key_Minus else _ZOOM)
        elif key == keys.Key_Home:
            self.fit()
        else:
            super().keyPressEvent(event)
