"""A tensor's channels as a picture for elsewhere, with scales at its left."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QPainter

from app.channel_listing import Listing
from app.channels_paint import Bars, notes_of, paint_caption, paint_norms, paint_zeros
from app.figure import SPACE, Make, Sheet, at_once
from app.figure_axes import (
    axis_of,
    decimals,
    most_ticks,
    paint_below,
    paint_left,
    room_below,
    room_left,
    round_numbers,
)

_ZEROS = 0.4
"""The share of the height that the bars of zeros have."""


def channels_body(found: Listing) -> Make:
    """Paints the share of zeros and the L2 norms of the listed channels."""
    return at_once(lambda painter, sheet: _paint(painter, sheet, found))


def _paint(painter: QPainter, sheet: Sheet, found: Listing) -> None:
    area, metrics = sheet.area, sheet.metrics
    line = metrics.height()
    room = area.height() - 2 * line - 3 * SPACE - room_below(metrics)
    top = Bars.of(found, 1).top
    norms = round_numbers(0, top, most_ticks(room * (1 - _ZEROS), line))
    left = room_left(metrics, ["100 %", *map(decimals(norms), norms)])
    box = QRectF(area.left() + left, area.top(), area.width() - left - SPACE, line)
    # Bars end on whole pixels: of the finished picture, not of the sheet's units
    bars = Bars.of(found, round(box.width() * sheet.ratio))
    about_zeros, about_norms = notes_of(bars, found)
    painter.setFont(sheet.font)
    paint_caption(painter, box.toRect(), "Sparsity", about_zeros, sheet.theme)
    zeros = QRectF(box.left(), box.bottom() + SPACE, box.width(), room * _ZEROS)
    paint_left(
        painter, sheet, zeros, axis_of("", (0, 0.5, 1), lambda share: zeros.bottom() - share * zeros.height(), _percent)
    )
    below = QRectF(box.left(), zeros.bottom() + SPACE, box.width(), line)
    painter.setFont(sheet.font)
    paint_caption(painter, below.toRect(), "L2 norm", about_norms, sheet.theme)
    after = QRectF(box.left(), below.bottom() + SPACE, box.width(), room * (1 - _ZEROS))
    paint_left(
        painter,
        sheet,
        after,
        axis_of("", norms, lambda norm: after.bottom() - norm / top * after.height(), decimals(norms)),
    )
    paint_below(painter, sheet, after, axis_of(_listed(found), (), float, str))
    painter.save()
    painter.scale(1 / sheet.ratio, 1 / sheet.ratio)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    paint_zeros(painter, _scaled(zeros, sheet.ratio), bars, sheet.theme)
    paint_norms(painter, _scaled(after, sheet.ratio), bars, sheet.theme)
    painter.restore()


def _listed(found: Listing) -> str:
    count = len(found.places)
    return f"{found.label(0)} to {found.label(count - 1)}" if count else ""


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _scaled(area: QRectF, ratio: float) -> QRect:
    return QRectF(area.topLeft() * ratio, area.size() * ratio).toRect()
