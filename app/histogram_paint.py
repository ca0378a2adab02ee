"""Painting a histogram: bars that end on whole pixels, and the line with its handle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen

from app.columns import AT_RIGHT
from app.theme import Theme
from pruner.summaries import Histogram

HANDLE = 5
"""Radius of the handle, in pixels."""
_WIDE = 4
"""Bars of so many pixels have a gap between them."""
_GONE_ALPHA = 110
_ROOM = 20
"""Pixels over the highest bar, for the handle and the zeros."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Heights in [0, 1] of bars of equal width from `first` to `last` (magnitudes or values).

    The `gone` part of a bar, at its foot, is what earlier rounds pruned; `whole` is all of it.
    """

    first: float
    last: float
    gone: npt.NDArray[np.float64]
    whole: npt.NDArray[np.float64]

    @classmethod
    def of(cls, found: Histogram, *, signed: bool, logarithmic: bool) -> Bars:
        """The bars of a histogram; logarithmic ones are of count + 1, so that one element can be seen."""
        pruned = (found.pruned_values if signed else found.pruned).astype(np.float64)
        whole = pruned + (found.kept_values if signed else found.kept)
        if logarithmic:
            pruned, whole = np.log1p(pruned), np.log1p(whole)
        most = float(whole.max(initial=0.0)) or 1.0
        limit = found.limit if found.limit > 0 else 1.0
        return cls(-limit if signed else 0.0, limit, pruned / most, whole / most)


@dataclass(frozen=True, slots=True)
class Plane:
    """Where things lie on the screen: `area` in pixels shows magnitudes, or values, from `left` to `right`."""

    area: QRectF
    left: float
    right: float

    def x(self, value: float) -> float:
        """The pixel of a value."""
        return self.area.left() + (value - self.left) / (self.right - self.left) * self.area.width()

    def value(self, x: float) -> float:
        """The value at a pixel."""
        return self.left + (x - self.area.left()) / max(self.area.width(), 1) * (self.right - self.left)

    def y(self, share: float) -> float:
        """The pixel of a bar's top."""
        return self.area.bottom() - share * max(self.area.height() - _ROOM, 1)

    def rects(self, bars: Bars, lower: npt.NDArray[np.float64], upper: npt.NDArray[np.float64]) -> list[QRect]:
        """The parts of the bars between two heights; what is not nothing is at least a pixel high."""
        count = len(bars.whole)
        edges = [round(self.x(bars.first + (bars.last - bars.first) * place / count)) for place in range(count + 1)]
        foot, high = round(self.area.bottom()), max(self.area.height() - _ROOM, 1)
        found = []
        for place in np.flatnonzero(upper > lower):
            bottom, top = foot - round(lower[place] * high), foot - round(upper[place] * high)
            wide = edges[place + 1] - edges[place]
            size = max(1, wide - 1 if wide >= _WIDE else wide), max(1, bottom - top)
            found.append(QRect(edges[place], min(top, bottom - 1), *size))
        return found


def paint_bars(painter: QPainter, plane: Plane, bars: Bars, threshold: float | None, theme: Theme) -> None:
    """The bars in the tone of what is kept, up to the threshold in that of what is pruned."""
    kept, gone = plane.rects(bars, bars.gone, bars.whole), plane.rects(bars, np.zeros_like(bars.gone), bars.gone)
    taken = QRect()
    if threshold is not None:
        start, stop = round(plane.x(-threshold)), round(plane.x(threshold))
        taken = QRect(start, round(plane.area.top()), stop - start, round(plane.area.height()) + 1)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.kept))
    painter.drawRects([one for one in kept if not taken.contains(one)])  # whose edges would shine through a drawing
    painter.setBrush(QColor(theme.pruned))
    painter.drawRects([part for one in kept if not (part := one.intersected(taken)).isEmpty()])
    painter.setBrush(pruned_before(theme))
    painter.drawRects(gone)


def pruned_before(theme: Theme) -> QColor:
    """The colour of what earlier rounds pruned."""
    colour = QColor(theme.pruned)
    colour.setAlpha(_GONE_ALPHA)
    return colour


def paint_line(
    painter: QPainter, plane: Plane, places: Sequence[float], theme: Theme, *, movable: bool, focused: bool
) -> None:
    """The threshold at each of the places; it has a handle where it can be moved, with a ring under the focus."""
    for place in places:
        x = plane.x(place)
        style = Qt.PenStyle.SolidLine if movable else Qt.PenStyle.DashLine
        painter.setPen(QPen(QColor(theme.accent), 2, style))
        painter.drawLine(QPointF(x, plane.area.top() + HANDLE), QPointF(x, plane.area.bottom()))
        if movable:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.ink if focused else theme.surface), 2))
            painter.setBrush(QColor(theme.accent))
            radius = HANDLE + (2 if focused else 1)
            painter.drawEllipse(QPointF(x, plane.area.top() + HANDLE + 4), radius, radius)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_note(painter: QPainter, plane: Plane, text: str, font: QFont, theme: Theme, taken: Sequence[float]) -> None:
    """A text over the bars, at the right, or where no handle is in its way."""
    width = QFontMetrics(font).horizontalAdvance(text)
    stop = plane.area.right() - 4
    for x in sorted((plane.x(place) for place in taken), reverse=True):
        if stop - width - 12 < x < stop + 12:
            stop = x - 12
    painter.setFont(font)
    painter.setPen(QColor(theme.muted))
    place = QRectF(stop - width - 2, plane.area.top(), width + 4, _ROOM - 4)
    painter.drawText(place, AT_RIGHT, text)
