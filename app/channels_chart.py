"""A tensor's channels as bars, which can be pointed at, chosen and walked through."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.channel_listing import Listing
from app.channels_paint import Bars, notes_of, paint_caption, paint_chosen, paint_norms, paint_zeros
from app.theme import current

_GAP, _FOOT = 4, 8
_MANY = 10
_DIMMED = 0.35


class ChannelsChart(QWidget):
    """Two rows of bars over each other: the share of zeros, and the L2 norms before and after."""

    pointed = Signal(int)
    """The row under the cursor; -1 where there is none."""
    chosen = Signal(int)
    """A row was clicked or walked to."""
    entered = Signal(int)
    """A row was double-clicked, or Enter pressed on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("channels_chart")
        self.setAccessibleName("Channels as bars")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setMinimumSize(120, 116)
        self._found: Listing | None = None
        self._bars: Bars | None = None
        self._chosen = -1
        self._dimmed = False

    def sizeHint(self) -> QSize:
        return QSize(480, 180)

    def show_listing(self, found: Listing | None) -> None:
        """Show these channels; which one is chosen is told anew."""
        self._found, self._bars, self._chosen, self._dimmed = found, None, -1, False
        self.update()

    def set_chosen(self, row: int) -> None:
        """Mark a row; -1 marks none."""
        if row != self._chosen:
            self._chosen = row
            self.update()

    def set_dimmed(self, dimmed: bool) -> None:
        """Show the bars as those of before, while others are made."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def row_at(self, x: float) -> int:
        """The row whose bar is at a distance from the left; -1 where none is."""
        count = self._count
        return int(x / self.width() * count) if 0 <= x < self.width() and count else -1

    def middle(self, row: int) -> QPointF:
        """The middle of a row's bar of zeros."""
        left, right = self._span(row)
        return QPointF((left + right) / 2, float(self._areas()[1].center().y()))

    @property
    def _count(self) -> int:
        return len(self._found.places) if self._found is not None else 0

    def _span(self, row: int) -> tuple[float, float]:
        return row / self._count * self.width(), (row + 1) / self._count * self.width()

    def _areas(self) -> tuple[QRect, QRect, QRect, QRect]:
        """A caption and the bars of zeros, a caption and the bars of norms."""
        line = self.fontMetrics().height()
        room = max(self.height() - 2 * line - 3 * _GAP - _FOOT, 2)
        high, wide = room * 2 // 5, self.width()
        second = line + _GAP + high + _FOOT
        return (
            QRect(0, 0, wide, line),
            QRect(0, line + _GAP, wide, high),
            QRect(0, second, wide, line),
            QRect(0, second + line + _GAP, wide, room - high),
        )

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        found, theme = self._found, current()
        painter = QPainter(self)
        if found is not None and self._count:
            if self._bars is None or self._bars.edges[-1] != self.width():
                self._bars = Bars.of(found, self.width())
            painter.setOpacity(_DIMMED if self._dimmed else 1.0)
            first, zeros, second, norms = self._areas()
            about_zeros, about_norms = notes_of(self._bars, found)
            paint_caption(painter, first, "Sparsity", about_zeros, theme)
            paint_zeros(painter, zeros, self._bars, theme)
            paint_caption(painter, second, "L2 norm", about_norms, theme)
            paint_norms(painter, norms, self._bars, theme)
            if 0 <= self._chosen < self._count:
                for area in (zeros, norms):
                    paint_chosen(painter, area, *self._span(self._chosen), theme.accent)
        if self.hasFocus():
            painter.setPen(QColor(theme.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()

    # What the user does

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointed.emit(self.row_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.row_at(event.position().x()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self.row_at(event.position().x())
        if event.button() == Qt.MouseButton.LeftButton and row >= 0:
            self.entered.emit(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk with the arrow keys, with Shift ten at a time, to the ends with Home and End; Enter goes there."""
        key, last = event.key(), self._count - 1
        step = _MANY if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        places = {
            Qt.Key.Key_Left: max(self._chosen - step, 0),
            Qt.Key.Key_Right: min(self._chosen + step, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if last >= 0 and key in places:
            self._choose(places[Qt.Key(key)])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and 0 <= self._chosen <= last:
            self.entered.emit(self._chosen)
        else:
            super().keyPressEvent(event)

    def _choose(self, row: int) -> None:
        if row >= 0:
            self.set_chosen(row)
            self.chosen.emit(row)
