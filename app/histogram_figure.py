"""A histogram as a picture for elsewhere, with counts at its left and a legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app import numbers
from app.figure import SPACE, Key, Make, Sheet, at_once, paint_keys
from app.figure_axes import (
    Axis,
    axis_of,
    counts,
    decimals,
    most_ticks,
    paint_below,
    paint_left,
    room_below,
    room_left,
    round_numbers,
)
from app.histogram_paint import Bars, Plane, paint_bars, paint_line, paint_note, pruned_before
from pruner.summaries import Histogram


def histogram_body(
    found: Histogram, lines: Sequence[float], *, signed: bool, logarithmic: bool, note: str, of: str
) -> Make:
    """Paints the counts; `lines` are where the planned round cuts, `note` is what is counted apart, and `of` what the
    axis has."""

    def paint(painter: QPainter, sheet: Sheet) -> None:
        _paint(painter, sheet, found, lines, note, of, signed=signed, logarithmic=logarithmic)

    return at_once(paint)


def _paint(
    painter: QPainter,
    sheet: Sheet,
    found: Histogram,
    lines: Sequence[float],
    note: str,
    of: str,
    *,
    signed: bool,
    logarithmic: bool,
) -> None:
    bars, most = Bars.of(found, signed=signed, logarithmic=logarithmic), _most(found, signed)
    area, metrics = sheet.area, sheet.metrics
    top = paint_keys(painter, sheet, _keys(sheet, found, lines), area.left(), area.top()) + SPACE
    values = _counts(most, most_ticks(area.bottom() - top - room_below(metrics), metrics.height()), logarithmic)
    written = counts(values)
    left = room_left(metrics, [written(one) for one in values])
    box = QRectF(area.left() + left, top, area.width() - left - SPACE, area.bottom() - room_below(metrics) - top)
    # Bars end on whole pixels: of the finished picture, not of the sheet's units
    ratio = sheet.ratio
    fine = Plane(QRectF(box.topLeft() * ratio, box.size() * ratio), bars.first, bars.last)
    painter.save()
    painter.scale(1 / ratio, 1 / ratio)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    paint_bars(painter, fine, bars, lines[-1] if lines else None, sheet.theme)
    painter.restore()
    plane = Plane(box, bars.first, bars.last)
    paint_line(painter, plane, lines, sheet.theme, movable=False, focused=False)
    paint_note(painter, plane, note, sheet.font, sheet.theme, lines)
    painter.setPen(QPen(QColor(sheet.theme.line), 1, Qt.PenStyle.SolidLine))
    painter.drawLine(box.bottomLeft(), box.bottomRight())
    paint_below(painter, sheet, box, _values(sheet, plane, of))
    title = "elements, logarithmic" if logarithmic else "elements"
    heights = [_height(one, most, logarithmic) for one in values]
    ticks = [(fine.y(share) / ratio, written(one)) for share, one in zip(heights, values, strict=True)]
    paint_left(painter, sheet, box, Axis(title, tuple(ticks)))


def _keys(sheet: Sheet, found: Histogram, lines: Sequence[float]) -> tuple[Key, ...]:
    """What the colours mean, of those that are there."""
    theme = sheet.theme
    gone = bool(found.pruned_values.any())
    kept = "kept" if lines or gone else "elements"
    keys = [Key(kept, QColor(theme.kept))]
    if lines:
        keys.append(Key("pruned by the planned round", QColor(theme.pruned)))
    if gone:
        keys.append(Key("pruned before", pruned_before(theme)))
    if lines:
        keys.append(Key(f"threshold {numbers.figure(lines[-1])}", QColor(theme.accent), line=True))
    return tuple(keys)


def _most(found: Histogram, signed: bool) -> int:
    """The elements of the highest bar."""
    kept, pruned = (found.kept_values, found.pruned_values) if signed else (found.kept, found.pruned)
    return int((kept + pruned).max(initial=0))


def _counts(most: int, ticks: int, logarithmic: bool) -> list[int]:
    if logarithmic:
        return [0, *(10**power for power in range(len(str(most))) if 10**power <= most)]
    return [round(one) for one in round_numbers(0, most, ticks, 1)]


def _height(count: int, most: int, logarithmic: bool) -> float:
    """The height of a bar of so many elements, as `Bars` has it."""
    return float(np.log1p(count) / np.log1p(max(most, 1))) if logarithmic else count / max(most, 1)


def _values(sheet: Sheet, plane: Plane, of: str) -> Axis:
    room = most_ticks(plane.area.width(), sheet.metrics.horizontalAdvance("−0.000"))
    values = round_numbers(plane.left, plane.right, min(room, 10))
    return axis_of(of, values, plane.x, decimals(values))
