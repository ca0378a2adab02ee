"""Painting channels as bars: the share of zeros, and the norms before and after; true also with many on a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen

from app import numbers
from app.channel_listing import Listing
from app.columns import AT_LEFT, AT_RIGHT
from app.theme import Theme

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_WIDE = 4
"""Bars of so many pixels have a gap between them."""
_PALE = 110
_LEAST = 3
"""Pixels of a mark, at least."""
_SIGN = 3
"""Pixels of the line under bars that hold dead channels."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Listed channels in bars: bar `i` has those from row `first[i]` on, between the pixels `edges[i]` and the next.

    `zeros` is the share of zeros of all its elements; `before` the largest norm, `least` and `most` the smallest and
    largest ones after, all as shares of `top`; `dead` whether one of them is dead, `strange` whether a norm is NaN or
    infinite, which counts as `top`.
    """

    first: Ints
    edges: Ints
    zeros: Floats
    before: Floats
    least: Floats
    most: Floats
    dead: npt.NDArray[np.bool_]
    strange: npt.NDArray[np.bool_]
    top: float

    @classmethod
    def of(cls, found: Listing, width: int) -> Bars:
        """The bars on so many pixels, at most one a pixel."""
        count = len(found.places)
        bars = max(min(count, width), 1)
        first = np.arange(bars) * count // bars
        edges = np.arange(bars + 1) * width // bars
        before, after = found.l2
        finite = np.isfinite(before) & np.isfinite(after)
        top = float(before.max(initial=0.0, where=finite)) or 1.0
        high, low = (np.where(finite, one / top, 1.0) for one in (before, after))
        zeros = found.figures.zeros[found.places]
        return cls(
            first,
            edges,
            np.add.reduceat(zeros, first) / np.diff(np.append(first, count)) / found.figures.elements,
            np.maximum.reduceat(high, first),
            np.minimum.reduceat(low, first),
            np.maximum.reduceat(low, first),
            np.logical_or.reduceat(zeros == found.figures.elements, first),
            np.logical_or.reduceat(~finite, first),
            top,
        )

    def rects(self, area: QRect, lower: Floats, upper: Floats) -> list[QRect]:
        """The parts of the bars between two shares of an area's height; what is not nothing is at least a pixel."""
        gap = int(self.edges[1] - self.edges[0] >= _WIDE)
        foot, found = area.bottom() + 1, []
        for place in np.flatnonzero(upper > lower):
            left, right = int(self.edges[place]), int(self.edges[place + 1])
            bottom, top = foot - round(lower[place] * area.height()), foot - round(upper[place] * area.height())
            found.append(QRect(area.left() + left, min(top, bottom - 1), right - left - gap, max(1, bottom - top)))
        return found


def paint_zeros(painter: QPainter, area: QRect, bars: Bars, theme: Theme) -> None:
    """What is kept over what is zero or pruned, and a line under bars that hold dead channels."""
    none, whole = np.zeros_like(bars.zeros), np.ones_like(bars.zeros)
    _fill(painter, bars.rects(area, none, whole), theme.kept)
    _fill(painter, bars.rects(area, none, bars.zeros), theme.pruned)
    under = QRect(area.left(), area.bottom() + 2, area.width(), _SIGN)
    _fill(painter, bars.rects(under, none, bars.dead.astype(np.float64)), theme.warning)


def paint_norms(painter: QPainter, area: QRect, bars: Bars, theme: Theme) -> None:
    """Norms after, filled: solid up to the smallest of a bar, pale up to the largest; the largest before in outline."""
    none = np.zeros_like(bars.zeros)
    pale = QColor(theme.kept)
    pale.setAlpha(_PALE)
    _fill(painter, bars.rects(area, bars.least, bars.most), pale)
    _fill(painter, bars.rects(area, none, bars.least), theme.kept)
    _fill(painter, bars.rects(area, none, bars.strange.astype(np.float64)), theme.warning, Qt.BrushStyle.BDiagPattern)
    painter.setPen(QPen(QColor(theme.muted), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    outline = bars.rects(area, none, bars.before)
    if outline and outline[0].width() + 1 >= _WIDE:
        painter.drawRects([one.adjusted(0, 0, -1, -1) for one in outline])
        return
    tops = area.bottom() + 1 - np.round(bars.before * area.height())
    points = [
        QPointF(area.left() + float(x), float(y))
        for edge, y in zip(np.lib.stride_tricks.sliding_window_view(bars.edges, 2), tops, strict=True)
        for x in edge
    ]
    painter.drawPolyline(points)


def paint_chosen(painter: QPainter, area: QRect, left: float, right: float, colour: str) -> None:
    """An outline around the bar between two pixels."""
    width = max(round(right - left), _LEAST)
    painter.setPen(QPen(QColor(colour), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(QRect(area.left() + min(round(left), area.width() - width), area.top(), width, area.height()))


def paint_caption(painter: QPainter, area: QRect, title: str, notes: tuple[str, ...], theme: Theme) -> None:
    """A title at the left, and at the right the longest of the notes that there is room for."""
    painter.setPen(QColor(theme.ink))
    painter.drawText(area, AT_LEFT, title)
    metrics = painter.fontMetrics()
    room = area.width() - metrics.horizontalAdvance(title) - 16
    note = next((one for one in notes if metrics.horizontalAdvance(one) <= room), "")
    painter.setPen(QColor(theme.muted))
    painter.drawText(area, AT_RIGHT, note)


def notes_of(bars: Bars, found: Listing) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the bars of zeros mean, and those of norms, the longest wording first."""
    top = f"up to {numbers.figure(bars.top)}"
    strange = "hatched: NaN or infinite · " if bars.strange.any() else ""
    if len(bars.first) == len(found.places):
        zeros = ("lower part: zero or pruned · line below: dead", "lower part: zero or pruned")
        return zeros, (f"{strange}outline: before · filled: after · {top}", f"{strange}{top}", top)
    each = f"about {numbers.count(round(len(found.places) / len(bars.first)))} {found.wanted.way.many} a bar"
    zeros = (f"{each} · lower part: their zeros · line below: dead ones", each)
    return zeros, (f"{strange}solid to the smallest, pale to the largest · {top}", f"{strange}{top}", top)


def _fill(
    painter: QPainter,
    rects: list[QRect],
    colour: QColor | str,
    pattern: Qt.BrushStyle = Qt.BrushStyle.SolidPattern,
) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(QColor(colour), pattern))
    painter.drawRects(rects)
