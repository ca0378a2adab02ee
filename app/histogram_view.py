"""Magnitudes, or values, of the selected tensor in bars, with a threshold that can be dragged."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from app.figure import Figure
from app.histogram_figure import histogram_body
from app.histogram_paint import Bars, Plane, paint_bars, paint_line, paint_note
from app.histogram_trial import zeros_text
from app.theme import current
from pruner.summaries import Histogram

_NEAR = 7
"""Pixels from the line at which the mouse takes it."""
_MANY = 10
_MARGIN = 16
_KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class HistogramView(pg.PlotWidget):
    """Bars of counts in two tones: what stays, and what goes up to the threshold, where there is one.

    A threshold that is movable follows the mouse and the arrow keys. The view says where it is wanted; who listens
    shows it there.
    """

    moved = Signal(object)
    """The line is being dragged to this magnitude; None is before all of them."""
    settled = Signal(object)
    """The line was let go, or put, at this magnitude, or None."""
    abandoned = Signal()
    """The drag was given up."""
    stepped = Signal(int)
    """The line is to go so many bars further."""
    ended = Signal(bool)
    """The line is to go to the end (True), or before all magnitudes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setObjectName("histogram")
        self.setAccessibleName("Histogram of magnitudes")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setWhatsThis(
            "How many elements have which magnitude; zeros are counted apart. Dark bars stay, those in sand up to the "
            "line are pruned by the next round, pale ones were pruned before. Drag the line, double-click where it is "
            "to be, or move it with the arrow keys: a bar further, with Shift ten; Home prunes nothing, End all."
        )
        self._histogram: Histogram | None = None
        self._bars: Bars | None = None
        self._threshold: float | None = None
        self._logarithmic = self._signed = self._movable = False
        self._side: int | None = None
        """Which of the two lines is dragged, -1 or 1; None while none is."""
        self._grip = 0.0
        """Pixels from the mouse to the line, so that it does not jump when it is taken."""
        self._has_moved = False
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.getPlotItem().layout.setContentsMargins(_MARGIN, 0, _MARGIN, 0)  # room for a handle at either end
        self.getPlotItem().hideAxis("left")
        self.getPlotItem().getAxis("bottom").setStyle(hideOverlappingLabels=False)  # else the 0 at the edge is left out
        self._dress()

    # What is shown

    @property
    def threshold(self) -> float | None:
        """Where the line stands."""
        return self._threshold

    @property
    def dragging(self) -> bool:
        """Whether the line is being dragged."""
        return self._side is not None

    def show_histogram(self, histogram: Histogram | None) -> None:
        """Show the counts of a tensor, or nothing."""
        self._histogram = histogram
        self._fit()

    def show_threshold(self, threshold: float | None, *, movable: bool = False) -> None:
        """Draw where the planned round would cut, or nothing."""
        self._threshold, self._movable = threshold, movable and threshold is not None
        if not self._movable:
            self._side = None
            self.viewport().unsetCursor()
        self.viewport().update()

    def set_logarithmic(self, on: bool) -> None:
        """Show counts by their logarithm, so that rare magnitudes can be seen."""
        self._logarithmic = on
        self._fit()

    def set_signed(self, on: bool) -> None:
        """Show values on both sides of 0, or their magnitudes."""
        self._signed = on
        self.setAccessibleName("Histogram of values" if on else "Histogram of magnitudes")
        self._fit()

    def figure(self) -> Figure | None:
        """The counts and the line, under the title of who knows the tensor's name."""
        if self._histogram is None:
            return None
        body = histogram_body(
            self._histogram,
            tuple(self._lines),
            signed=self._signed,
            logarithmic=self._logarithmic,
            note=self.note(self._histogram),
            of=self.counted,
        )
        return Figure(self.accessibleName(), "", self.size().toSizeF(), body)

    def place_of(self, magnitude: float) -> QPoint:
        """The pixel in the middle of the line that stands at a magnitude."""
        plane = self._plane()
        return QPoint(round(plane.x(magnitude)), round(plane.area.center().y()))

    def _fit(self) -> None:
        found = self._histogram
        self._bars = Bars.of(found, signed=self._signed, logarithmic=self._logarithmic) if found is not None else None
        if self._bars is not None:
            self.setXRange(self._bars.first, self._bars.last, padding=0)
        self.setYRange(0, 1, padding=0)
        self.viewport().update()

    def _plane(self) -> Plane:
        (left, right), _ = self.getPlotItem().vb.viewRange()
        return Plane(QRectF(self.getPlotItem().vb.sceneBoundingRect()), left, right)

    @property
    def _lines(self) -> list[float]:
        if self._threshold is None:
            return []
        limit = self._histogram.limit if self._histogram is not None else 0.0
        place = self._threshold if self._threshold < limit else limit  # NaN and infinity are beyond the last bar
        return [-place, place] if self._signed else [place]

    def drawForeground(self, painter: QPainter, rect: QRectF | QPoint) -> None:
        """Bars, line and zeros, in the scene's coordinates, which are pixels."""
        if self._bars is None or self._histogram is None:
            return
        theme, plane, lines = current(), self._plane(), self._lines
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        paint_bars(painter, plane, self._bars, lines[-1] if lines else None, theme)
        paint_line(painter, plane, lines, theme, movable=self._movable, focused=self.hasFocus())
        paint_note(painter, plane, self.note(self._histogram), self.font(), theme, lines)

    @property
    def counted(self) -> str:
        """What is counted, for the axis of a picture."""
        return "value" if self._signed else "magnitude"

    def note(self, found: Histogram) -> str:
        """What stands over the bars: what is counted apart from them."""
        return zeros_text(found.zeros, found.zeros_pruned)

    # What the user does

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and (side := self._side_at(event.position().x())):
            self._side, self._has_moved = side, False
            self._grip = self._plane().x(side * self._lines[-1]) - event.position().x()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._side is not None:
            self._has_moved = True
            self.moved.emit(self._magnitude(self._side * self._plane().value(x + self._grip)))
        elif self._side_at(x):
            self.viewport().setCursor(Qt.CursorShape.SizeHorCursor)
        else:
            self.viewport().unsetCursor()
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._side is not None and event.button() == Qt.MouseButton.LeftButton:
            side, self._side = self._side, None
            if self._has_moved:
                self.settled.emit(self._magnitude(side * self._plane().value(event.position().x() + self._grip)))
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        value = self._plane().value(event.position().x())
        if self._movable and event.button() == Qt.MouseButton.LeftButton:
            self._side = None
            self.settled.emit(self._magnitude(abs(value) if self._signed else value))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape and self.dragging:
            self._side = None
            self.abandoned.emit()
        elif self._movable and key in _KEYS:
            many = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self.stepped.emit(_KEYS[key] * (_MANY if many else 1))
        elif self._movable and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.ended.emit(key == Qt.Key.Key_End)
        else:
            event.ignore()
            return
        event.accept()

    def _side_at(self, x: float) -> int:
        """Which line is under the mouse: -1, 1, or 0 for none."""
        if not self._movable:
            return 0
        plane = self._plane()
        near = [line for line in self._lines if abs(plane.x(line) - x) <= _NEAR]
        if not near:
            return 0
        return -1 if self._signed and plane.value(x) < 0 else 1

    def _magnitude(self, value: float) -> float | None:
        """The magnitude at a place, within those that there are; None before all of them."""
        limit = self._histogram.limit if self._histogram is not None else 0.0
        return None if value < 0 else min(value, limit)

    # Looks

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_movable"):
            self._dress()

    def _dress(self) -> None:
        theme = current()
        self.setBackground(theme.surface)
        axis = self.getPlotItem().getAxis("bottom")
        axis.setPen(theme.line)
        axis.setTextPen(theme.muted)
        self.viewport().update()
