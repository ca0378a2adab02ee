"""How a pane of the map is painted: title, blocks, lines between filters, numbers in cells, marks, colour bar."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from app import numbers
from app.map_camera import Camera
from app.map_colours import Drawn, Part, ramp_image, scale_of, values_of
from app.map_words import TITLES, meanings
from app.theme import Theme
from pruner.pyramid import Area, Layout

GAP = 16
NUMBER_PIXELS = 44
"""The size of a cell from which its number is written into it."""
_FILTER_PIXELS = 6
_BAR = 8
_SPACE = 4


@dataclass(frozen=True, slots=True)
class Pane:
    """One part's picture: `outer` is all of its room, `area` that of the blocks."""

    part: Part
    outer: QRectF
    area: QRectF
    camera: Camera


def panes(parts: tuple[Part, ...], wide: float, high: float, line: float, camera: Camera) -> list[Pane]:
    """Panes of one size beside each other; `line` is the height of a line of text."""
    each = max((wide - GAP * (len(parts) - 1)) / max(len(parts), 1), 1)
    made = []
    for place, part in enumerate(parts):
        outer = QRectF(round(place * (each + GAP)), 0, int(each), high)
        area = outer.adjusted(0, line + _SPACE, 0, -2 * line - _SPACE)
        area.setHeight(max(area.height(), 1))
        made.append(Pane(part, outer, area, camera))
    return made


def paint_frame(painter: QPainter, pane: Pane, drawn: Drawn | None, theme: Theme) -> None:
    """The title over a picture, and the colour bar with what a pixel means under it."""
    metrics = painter.fontMetrics()
    line = metrics.height()
    bold = QFont(painter.font())
    bold.setBold(True)
    plain = painter.font()
    painter.setFont(bold)
    painter.setPen(QColor(theme.ink))
    painter.drawText(pane.outer.topLeft() + QPointF(0, metrics.ascent()), TITLES[pane.part])
    painter.setFont(plain)
    if drawn is None:
        return
    painter.setPen(QColor(theme.muted))
    scale = numbers.figure(float(f"{scale_of(drawn.tile, pane.part):.3g}"))
    ends = {"mask": ("0", "1"), "agreement": ("", "")}
    least = "0" if drawn.scheme.shows == "magnitude" else f"−{scale}"
    low, high = ends.get(pane.part, (least, scale if least == "0" else f"+{scale}"))
    top = pane.area.bottom() + _SPACE
    low_wide, high_wide = (QFontMetricsF(plain).horizontalAdvance(text) for text in (low, high))
    baseline = top + metrics.ascent()
    painter.drawText(QPointF(pane.outer.left(), baseline), low)
    room = pane.outer.width() - low_wide - high_wide - 2 * _SPACE
    bar = QRectF(pane.outer.left() + low_wide + _SPACE, top + (line - _BAR) / 2, min(max(room, 8), 160), _BAR)
    painter.drawImage(bar, ramp_image(pane.part, theme, drawn.scheme))
    painter.drawText(QPointF(bar.right() + _SPACE, baseline), high)
    words = meanings(pane.part, drawn.tile, drawn.scheme.shows)
    fitting = [text for text in words if QFontMetricsF(plain).horizontalAdvance(text) <= pane.outer.width()]
    text = fitting[0] if fitting else metrics.elidedText(words[-1], Qt.TextElideMode.ElideRight, int(pane.area.width()))
    painter.drawText(QPointF(pane.outer.left(), baseline + line), text)


def paint_tiles(painter: QPainter, pane: Pane, found: list[Drawn], theme: Theme, ratio: float) -> None:
    """Tiles from below to above, with `ratio` pixels of the device to a unit, and what belongs to the uppermost."""
    for drawn in found:
        paint_blocks(painter, pane, drawn, ratio)
    if found:
        paint_lines(painter, pane, found[-1].tile.layout, theme)
        paint_numbers(painter, pane, found[-1])
        paint_rare(painter, pane, found[-1], theme)


def paint_blocks(painter: QPainter, pane: Pane, drawn: Drawn, ratio: float) -> None:
    """A tile's blocks where they lie: each pixel has the colour of the block that its middle lies in.

    Qt's own scaling rounds the target's edges, by which a row of blocks of a pixel each would be lost.
    """
    colours, tile, camera = drawn.colours.get(pane.part), drawn.tile, pane.camera
    if colours is None:
        return
    area, layout = pane.area, tile.layout
    left, xs = _blocks_under(
        area.left(), area.right(), ratio, camera.x, camera.scale, tile.area.left, layout.columns, tile.block
    )
    top, ys = _blocks_under(
        area.top(), area.bottom(), ratio, camera.y, camera.scale, tile.area.top, layout.rows, tile.block
    )
    xs, ys = xs[xs < colours.shape[1]], ys[ys < colours.shape[0]]
    if not xs.size or not ys.size:
        return
    pixels = colours[:, xs[0] : xs[-1] + 1][ys].take(xs - xs[0], axis=1)
    image = QImage(pixels.data, xs.size, ys.size, xs.size * 4, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(left / ratio, top / ratio), image)


def _blocks_under(
    low: float, high: float, ratio: float, middle: float, scale: float, first: int, size: int, block: int
) -> tuple[int, npt.NDArray[np.int64]]:
    """The first of the screen's pixels from `low` to `high` that has a block under its middle, and all their blocks.

    `middle` is the place of the plane in the middle, `first` the tile's first element and `size` the plane's.
    """
    pixels = np.arange(math.floor(low * ratio), math.ceil(high * ratio))
    places = middle + ((pixels + 0.5) / ratio - (low + high) / 2) / scale
    inside = (places >= first) & (places < size)
    begin = int(np.argmax(inside)) if inside.any() else 0
    return int(pixels[begin]) if pixels.size else 0, ((places[inside] - first) // block).astype(np.int64)


def paint_lines(painter: QPainter, pane: Pane, layout: Layout, theme: Theme) -> None:
    """Lines between the filters of a convolution, and between cells that have numbers in them, where there is room."""
    high, wide = layout.kernel
    scale = pane.camera.scale
    seen = pane.camera.area(pane.area, layout)
    if scale >= NUMBER_PIXELS:
        cells = range(seen.top, seen.bottom + 1), range(seen.left, seen.right + 1)
        _grid(painter, pane, seen, *cells, QPen(QColor(theme.surface), 1))
    if (high, wide) != (1, 1) and min(high, wide) * scale >= _FILTER_PIXELS:
        filters = layout.edges(True, seen.top, seen.bottom), layout.edges(False, seen.left, seen.right)
        _grid(painter, pane, seen, *filters, QPen(QColor(theme.surface), 4 if scale >= NUMBER_PIXELS else 1))


def _grid(painter: QPainter, pane: Pane, seen: Area, rows: Iterable[int], columns: Iterable[int], pen: QPen) -> None:
    pen.setCosmetic(True)
    painter.setPen(pen)
    first, last = (
        pane.camera.to_screen(pane.area, seen.left, seen.top),
        pane.camera.to_screen(pane.area, seen.right, seen.bottom),
    )
    lines = []
    for column in columns:
        x = pane.camera.to_screen(pane.area, column, 0).left()
        lines.append(QLineF(x, first.top(), x, last.top()))
    for row in rows:
        y = pane.camera.to_screen(pane.area, 0, row).top()
        lines.append(QLineF(first.left(), y, last.left(), y))
    painter.drawLines(lines)


def paint_numbers(painter: QPainter, pane: Pane, drawn: Drawn) -> None:
    """The numbers in the cells, where they are large enough."""
    tile, camera = drawn.tile, pane.camera
    if camera.scale < NUMBER_PIXELS or tile.block != 1:
        return
    values = values_of(tile, pane.part)
    colours = drawn.colours[pane.part]
    font = QFont(painter.font())
    font.setPixelSize(max(9, min(14, int(camera.scale / 4.6))))
    painter.save()
    painter.setFont(font)
    seen = camera.area(pane.area, tile.layout).within(tile.area)
    for row in range(seen.top, seen.bottom):
        for column in range(seen.left, seen.right):
            y, x = row - tile.area.top, column - tile.area.left
            if tile.elements[y, x]:
                painter.setPen(_readable(int(colours[y, x])))
                text = _cell_text(values[y, x])
                painter.drawText(camera.to_screen(pane.area, column, row), Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def _cell_text(value: np.generic) -> str:
    number = float(value)
    return "0" if number == 0 else f"{number:.3g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def _readable(rgb: int) -> QColor:
    """Black or white, whichever is easier to read on a colour."""
    colour = QColor.fromRgb(rgb)
    linear = [pow(part, 2.2) for part in (colour.redF(), colour.greenF(), colour.blueF())]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return QColor("#000000") if light > 0.18 else QColor("#FFFFFF")


def paint_rare(painter: QPainter, pane: Pane, drawn: Drawn, theme: Theme) -> None:
    """Rings around the few blocks whose colour hardly differs from all pruned, or all kept."""
    if pane.part not in ("mask", "apart"):
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme.accent), 1.5))
    tile = drawn.tile
    for row, column in drawn.rare:
        left, top = tile.area.left + column * tile.block, tile.area.top + row * tile.block
        block = pane.camera.to_screen(pane.area, left, top, tile.block, tile.block)
        radius = max(5.0, block.width())
        painter.drawEllipse(block.center(), radius, radius)
    painter.restore()


def paint_mark(painter: QPainter, pane: Pane, place: tuple[int, int], colour: str, least: float) -> None:
    """A frame around an element, of at least so many pixels."""
    cell = pane.camera.to_screen(pane.area, place[1], place[0])
    grow = max(0.0, (least - cell.width()) / 2)
    painter.setPen(QPen(QColor(colour), 2))
    painter.drawRect(cell.adjusted(-grow - 1, -grow - 1, grow + 1, grow + 1))
