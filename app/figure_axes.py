"""Axes of figures: ticks at round numbers, their labels, and what they count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app import numbers
from app.figure import Sheet

_TICK, _GAP = 4.0, 3.0
_MOST = 8
_BESIDE = 100.0
"""A title may be so much wider than its area."""
_IN_FULL = 1_000_000
_STEPS = (1, 2, 5, 10)
_APART = 1.6
"""Ticks are about so many sizes of their labels from each other, or more."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis counts, and its ticks: places on the sheet with their labels."""

    title: str
    ticks: tuple[tuple[float, str], ...]


def round_numbers(low: float, high: float, most: int, least_step: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at most `most` of them (but one at least)."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    rough = max(span / max(most, 1), least_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((one * power for one in _STEPS if one * power >= rough * (1 - 1e-9)), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12 - math.floor(math.log10(step))) for place in range(first, last + 1)]


def most_ticks(room: float, label: float) -> int:
    """How many labels of a size an axis has room for: not more than are read, and two where those at its ends fit."""
    return max(2, min(int(room / max(label * _APART, 1)), _MOST))


def decimals(values: Sequence[float]) -> Callable[[float], str]:
    """How to write ticks: all with as many decimals as the step between them needs."""
    if len(values) < 2 or not 1e-4 <= max(map(abs, values)) < 1e5:
        return numbers.figure
    digits = max(0, -math.floor(math.log10(values[1] - values[0]) + 1e-9))
    return lambda value: f"{value:.{digits}f}".replace("-", "−") if value else "0"


def counts(values: Sequence[float]) -> Callable[[float], str]:
    """How to write ticks that count: in full, or of millions in three digits."""
    if max(values, default=0) < _IN_FULL:
        return lambda value: numbers.count(round(value))
    return lambda value: numbers.short_count(round(value))


def axis_of(
    title: str, values: Sequence[float], place: Callable[[float], float], label: Callable[[float], str]
) -> Axis:
    """An axis with ticks at values."""
    return Axis(title, tuple((place(value), label(value)) for value in values))


def room_below(metrics: QFontMetricsF) -> float:
    """The height of an axis below an area: ticks, labels, title."""
    return _TICK + _GAP + 2 * metrics.height()


def room_left(metrics: QFontMetricsF, labels: Sequence[str]) -> float:
    """The width of an axis at the left of an area."""
    widest = max((metrics.horizontalAdvance(label) for label in labels), default=0.0)
    return _TICK + _GAP + widest + _GAP + metrics.height()


def paint_below(painter: QPainter, sheet: Sheet, area: QRectF, axis: Axis) -> None:
    """An axis along the bottom of an area; labels stay within the sheet, and none is written into another."""
    metrics, foot = sheet.metrics, area.bottom()
    _paint_lines(painter, sheet, [QLineF(x, foot, x, foot + _TICK) for x, _ in axis.ticks], area)
    end = -math.inf
    for x, text in axis.ticks:
        wide = metrics.horizontalAdvance(text)
        left = min(max(x - wide / 2, sheet.area.left()), sheet.area.right() - wide)
        if left > end + _GAP:
            painter.drawText(QPointF(left, foot + _TICK + _GAP + metrics.ascent()), text)
            end = left + wide
    title = metrics.elidedText(axis.title, Qt.TextElideMode.ElideRight, area.width() + _BESIDE)
    wide = metrics.horizontalAdvance(title)
    left = max(min(area.center().x() - wide / 2, sheet.area.right() - wide), sheet.area.left())
    painter.drawText(QPointF(left, foot + _TICK + _GAP + metrics.height() + metrics.ascent()), title)


def paint_left(painter: QPainter, sheet: Sheet, area: QRectF, axis: Axis) -> None:
    """An axis along the left of an area, its title upwards."""
    metrics, edge = sheet.metrics, area.left()
    _paint_lines(painter, sheet, [QLineF(edge - _TICK, y, edge, y) for y, _ in axis.ticks], area)
    end = math.inf
    for y, text in sorted(axis.ticks, reverse=True):
        if y + metrics.capHeight() / 2 > end:
            continue
        end = y - metrics.capHeight() / 2 - _GAP
        left = edge - _TICK - _GAP - metrics.horizontalAdvance(text)
        painter.drawText(QPointF(left, y + metrics.capHeight() / 2), text)
    title = metrics.elidedText(axis.title, Qt.TextElideMode.ElideRight, area.height())
    painter.save()
    painter.translate(edge - room_left(metrics, [text for _, text in axis.ticks]), area.center().y())
    painter.rotate(-90)
    box = QRectF(-area.height() / 2, 0, area.height(), metrics.height())
    painter.drawText(box, int(Qt.AlignmentFlag.AlignHCenter), title)
    painter.restore()


def _paint_lines(painter: QPainter, sheet: Sheet, ticks: list[QLineF], area: QRectF) -> None:
    painter.setPen(QPen(QColor(sheet.theme.muted), 1))
    painter.drawLines(ticks)
    painter.setFont(sheet.font)
