"""The text in a treemap's rectangles: names, and the sparsity where there is room for it."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app import numbers
from app.columns import AT_LEFT
from app.plain import clipped
from app.theme import Theme
from app.treemap_colours import Colours, Shares, packed, text_colour
from app.treemap_plane import LAYERS, Plane
from pruner.treemap import Rectangle

_SIZE, _MARGIN = 0.82, 5
_LEAST_LETTERS, _MOST_LETTERS = 4, 80
_ABOVE = 3
"""Text begins so far below a tensor's edge, to be clear of outlines."""


def label_font(font: QFont) -> QFont:
    """The letters of labels: a little smaller than the window's, and so growing with the system's."""
    made = QFont(font)
    if font.pointSizeF() > 0:
        made.setPointSizeF(font.pointSizeF() * _SIZE)
    else:
        made.setPixelSize(max(9, round(font.pixelSize() * _SIZE)))
    return made


def header_height(font: QFont) -> float:
    """The height of a module's header for its text."""
    return math.ceil(QFontMetricsF(label_font(font)).height()) + 2


def own_name(plane: Plane, one: Rectangle) -> str:
    """The name without the name of the module around it."""
    around = plane.rectangles[one.parent].name if one.parent >= 0 else ""
    return one.name.removeprefix(f"{around}.") if around else one.name


def draw_labels(painter: QPainter, plane: Plane, colours: Colours, shares: Shares, font: QFont, theme: Theme) -> None:
    """Write names where they fit; a module's into its header."""
    font = label_font(font)
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    grey = packed(theme.line)
    for place in plane.labels:
        one, row = plane.rectangles[place], int(plane.rows[place])
        ground = int(colours[row * LAYERS])
        if one.is_module:
            painter.setPen(QColor(theme.ink))
        else:
            painter.setPen(QColor(theme.ink) if ground == grey else text_colour(ground))
        lines = [clipped(own_name(plane, one), _MOST_LETTERS)]
        if not one.is_module and not math.isnan(shares[row]) and ground != grey:
            lines.append(numbers.percent(shares[row]))
        _write(painter, metrics, one, lines)


def _write(painter: QPainter, metrics: QFontMetricsF, one: Rectangle, lines: list[str]) -> None:
    room, height = one.width - 2 * _MARGIN, metrics.height()
    bottom = one.y + one.header if one.header else one.bottom
    top = one.y if one.header else one.y + _ABOVE
    step = one.header or height
    for place, line in enumerate(lines):
        text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
        if top + step > bottom + 0.5 or len(text) < min(len(line), _LEAST_LETTERS) or (place and text != line):
            return
        painter.drawText(QRectF(one.x + _MARGIN, top, room, step), AT_LEFT, text)
        top += step
