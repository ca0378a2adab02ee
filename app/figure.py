"""A view as a picture for elsewhere: what it says of itself, and how it is painted on a sheet of any size.

A view joins with one method, `figure() -> Figure | None`; the menu, the dialog and the files are the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app import numbers
from app.plain import clipped
from app.theme import Theme

MARGIN, SPACE = 16.0, 8.0
_TITLE = 1.25
"""The title's letters, in sizes of the others."""
_MOST_LETTERS = 300
_LEAST_SIDE = 60.0
_LONG = 25
"""Letters of a word that may be broken."""
_WRAPPED = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a figure is painted for: `area` is its room, with `ratio` pixels of the finished picture to a unit."""

    area: QRectF
    ratio: float
    theme: Theme
    font: QFont

    @property
    def metrics(self) -> QFontMetricsF:
        """The measures of the sheet's letters."""
        return QFontMetricsF(self.font)


Paint = Callable[[QPainter], None]
"""Paints into the area of its sheet. It must not clip: SVG, as Qt writes it, knows no clipping."""
Make = Callable[[Sheet], Iterator[Paint | None]]
"""Reads and computes what the sheet needs, on the view lane, and yields how to paint it; None gives way."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a view shows: `size` is its size on the screen, `height` the height that becomes it for a width.

    `text` is what it says as a table, with tabs; empty where it is none. `make` runs off the GUI thread, so it holds
    all that it paints and asks no widget.
    """

    title: str
    subtitle: str
    size: QSizeF
    make: Make
    height: Callable[[float, QFont], float] = lambda width, _font: 0.6 * width
    text: str = ""


@runtime_checkable
class HasFigure(Protocol):
    """A view that can be taken away as a picture."""

    def figure(self) -> Figure | None:
        """What is shown; None where that is nothing."""


def at_once(paint: Callable[[QPainter, Sheet], None]) -> Make:
    """For a view that has all it needs: it is painted as it is."""

    def make(sheet: Sheet) -> Iterator[Paint | None]:
        yield lambda painter: paint(painter, sheet)

    return make


@dataclass(frozen=True, slots=True)
class Header:
    """Title and subtitle over a figure, and the `height` that they take in a width."""

    title: str
    subtitle: str
    width: float
    font: QFont

    @property
    def height(self) -> float:
        """With the space below; nothing without texts."""
        texts = [self._box(text, font).height() for text, font in self._lines() if text]
        return sum(texts) + SPACE * bool(texts)

    def _lines(self) -> tuple[tuple[str, QFont], tuple[str, QFont]]:
        large = QFont(self.font)
        large.setBold(True)
        large.setPixelSize(round(self.font.pixelSize() * _TITLE))
        return (_written(self.title), large), (_written(self.subtitle), self.font)

    def _box(self, text: str, font: QFont) -> QRectF:
        room = QRectF(0, 0, self.width, 1e4)
        return QFontMetricsF(font).boundingRect(room, _WRAPPED, text)

    def paint(self, painter: QPainter, left: float, top: float, theme: Theme) -> None:
        """Paint the texts from there on down."""
        for (text, font), colour in zip(self._lines(), (theme.ink, theme.muted), strict=True):
            if text:
                high = self._box(text, font).height()
                painter.setFont(font)
                painter.setPen(QColor(colour))
                painter.drawText(QRectF(left, top, self.width + 1, high + 1), _WRAPPED, text)
                top += high


def body_below(header: Header, size: QSizeF) -> QRectF:
    """The room for the figure itself on a sheet of a size."""
    top = MARGIN + header.height
    width, height = size.width() - 2 * MARGIN, size.height() - top - MARGIN
    return QRectF(MARGIN, top, max(width, _LEAST_SIDE), max(height, _LEAST_SIDE))


def _written(text: str) -> str:
    """The text on one line: no line ends within a number, and a long name may break after a dot."""
    line = numbers.THIN.join(clipped(part, _MOST_LETTERS) for part in text.split(numbers.THIN))
    return re.sub(rf"\S{{{_LONG},}}", lambda word: word[0].replace(".", ".\u200b"), line)


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: a box, or a line, in a colour."""

    text: str
    colour: QColor
    line: bool = False


def paint_keys(painter: QPainter, sheet: Sheet, keys: tuple[Key, ...], left: float, top: float) -> float:
    """A legend in as many rows as it takes; gives the place below it."""
    metrics, x = sheet.metrics, left
    line, side = metrics.height(), metrics.ascent() * 0.8
    painter.setFont(sheet.font)
    for key in keys:
        wide = side * 1.5 + metrics.horizontalAdvance(key.text)
        if x > left and x + wide > sheet.area.right():
            x, top = left, top + line + 2
        middle = top + line / 2
        high = 2.0 if key.line else side
        painter.fillRect(QRectF(x, middle - high / 2, side, high), key.colour)
        painter.setPen(QColor(sheet.theme.muted))
        painter.drawText(QRectF(x + side * 1.5, top, wide, line), int(Qt.AlignmentFlag.AlignVCenter), key.text)
        x += wide + 1.5 * SPACE
    return top + line
