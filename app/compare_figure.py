"""A pair of tensors as one picture for elsewhere: maps, how far the masks agree, and the differences in bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app.agreement_colours import agreement_palette
from app.colour_maps import USUAL
from app.compare_words import agreement_counts, agreement_share
from app.figure import SPACE, Key, Make, Paint, Sheet, paint_keys
from app.map_colours import Part
from app.map_figure import map_body, map_height
from pruner.pairs import Agreement, PairPicture
from pruner.pyramid import Area

_BARS, _LEAST_BARS, _MOST_BARS = 0.25, 150.0, 0.3
"""The height of the bars for the width, and at least; and the share of the picture that they take at most."""
_WIDE = 36
"""Letters in a line from which the words about masks take two lines, else three."""


def pair_body(
    picture: PairPicture, parts: tuple[Part, ...], area: Area, masks: Agreement | None, bars: Make | None
) -> Make:
    """Paints the parts of an area, below them the words about masks where there are some, and the bars."""
    words = masks if "agreement" in parts else None

    def make(sheet: Sheet) -> Iterator[Paint | None]:
        below = sheet.area.bottom()
        paints: list[Paint] = []
        if bars is not None:
            below -= min(_bars_height(sheet.area.width()), _MOST_BARS * sheet.area.height())
            room = QRectF(sheet.area.left(), below, sheet.area.width(), sheet.area.bottom() - below)
            paints += [paint for paint in bars(replace(sheet, area=room)) if paint is not None]
        if words is not None:
            below -= _words_height(sheet.area.width(), sheet.font)
            top = below + SPACE
            paints.append(lambda painter: _paint_words(painter, sheet, words, top))
        room = QRectF(sheet.area.topLeft(), sheet.area.bottomRight())
        room.setBottom(below)
        for paint in map_body(picture, parts, area, USUAL)(replace(sheet, area=room)):
            if paint is None:
                yield None
            else:
                paints.append(paint)

        def all_of_it(painter: QPainter) -> None:
            for paint in paints:
                paint(painter)

        yield all_of_it

    return make


def pair_height(
    picture: PairPicture, parts: tuple[Part, ...], area: Area, words: bool, bars: bool, width: float, font: QFont
) -> float:
    """The height that becomes the picture in a width."""
    high = map_height(parts, picture.layout, area, width, font)
    return high + _words_height(width, font) * words + _bars_height(width) * bars


def _bars_height(width: float) -> float:
    return max(_BARS * width, _LEAST_BARS)


def _words_height(width: float, font: QFont) -> float:
    metrics = QFontMetricsF(font)
    lines = 2 if width > _WIDE * metrics.horizontalAdvance("M") else 3
    return lines * (metrics.height() + 2) + 2 * SPACE


def _paint_words(painter: QPainter, sheet: Sheet, masks: Agreement, top: float) -> None:
    line = sheet.metrics.height()
    painter.setFont(sheet.font)
    painter.setPen(QColor(sheet.theme.ink))
    painter.drawText(QRectF(sheet.area.left(), top, sheet.area.width(), line), agreement_share(masks))
    colours = agreement_palette(sheet.theme)
    keys = [Key(text, QColor(one)) for text, one in zip(agreement_counts(masks), colours, strict=True)]
    paint_keys(painter, sheet, tuple(keys), sheet.area.left(), top + line + 2)
