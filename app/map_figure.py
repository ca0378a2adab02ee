"""The map as a picture for elsewhere: its parts for the area that is looked at, read for the picture's own size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QPainter

from app import numbers
from app.colour_maps import Scheme
from app.figure import SPACE, Make, Paint, Sheet
from app.figure_axes import Axis, axis_of, most_ticks, paint_below, paint_left, room_below, room_left, round_numbers
from app.map_camera import MOST_PIXELS, Camera
from app.map_colours import Drawn, Part, draw
from app.map_paint import GAP, Pane, paint_frame, paint_tiles
from app.map_tiles import wanted_block
from pruner.picture import Picture
from pruner.pyramid import Area, Bands, Grid, Layout

_MOST_READ = 1 << 24
"""Elements that are read for a picture; a larger area comes from the pyramid, in coarser blocks where need be."""
_ABOVE = 4.0
"""Between a pane's title and its picture."""
_WORDS = 210.0
"""A pane takes so much width for the words below it, where there is room; with less than `_FEW` they begin below the
axis, too."""
_FEW = 140.0
_MOST_HIGH, _HIGH = 0.75, 480.0
"""A map is at most so high for its width, or so high at all."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Panes in so many rows and columns; `left`, `above` and `below` are the room of axes and words of each."""

    rows: int
    columns: int
    left: float
    above: float
    below: float

    def room(self, area: QRectF) -> tuple[float, float]:
        """Width and height that are left for the picture in each pane."""
        wide = (area.width() - GAP * (self.columns - 1)) / self.columns - self.left
        return max(wide, 1.0), max(area.height() / self.rows - self.above - self.below, 1.0)

    def height(self, width: float, area: Area) -> float:
        """The height in which the panes are as large as their width allows."""
        wide, _ = self.room(QRectF(0, 0, width, 1))
        scale = min(wide / area.columns, MOST_PIXELS)
        return self.rows * (scale * area.rows + self.above + self.below)


def map_body(picture: Picture, parts: tuple[Part, ...], area: Area, scheme: Scheme) -> Make:
    """Paints the parts of an area; its tile is read for the sheet's own pixels."""

    def make(sheet: Sheet) -> Iterator[Paint | None]:
        grid, scale = _best_grid(sheet.font, parts, picture.layout, area, sheet.area)
        camera = Camera((area.left + area.right) / 2, (area.top + area.bottom) / 2, scale)
        block = wanted_block(picture, camera, sheet.ratio)
        if area.rows * area.columns > _MOST_READ:
            block = max(block, picture.pyramid.levels[0].block)
        drawn = draw(picture.tile(area, block), parts, sheet.theme, scheme)
        yield lambda painter: _paint(painter, sheet, grid, drawn, parts, area, camera)

    return make


def map_height(parts: tuple[Part, ...], layout: Layout, area: Area, width: float, font: QFont) -> float:
    """The height that becomes the map in a width: of the grid with the largest pictures that is not too high."""
    heights = [grid.height(width, area) for grid in _grids(font, parts, layout, area)]
    most = max(_MOST_HIGH * width, _HIGH)
    return max((one for one in heights if one <= most), default=min(*heights, most))


def _grids(font: QFont, parts: tuple[Part, ...], layout: Layout, area: Area) -> list[_Grid]:
    """Side by side first, then with fewer beside each other."""
    metrics = QFontMetricsF(font)
    line = metrics.height()
    left = room_left(metrics, [numbers.count(_units(layout, area)[1][1])])
    below = room_below(metrics) + 2 * line + 2 * SPACE
    count = len(parts)
    shapes = {(math.ceil(count / columns), columns) for columns in range(1, count + 1)}
    return [_Grid(rows, columns, left, line + _ABOVE, below) for rows, columns in sorted(shapes)]


def _best_grid(font: QFont, parts: tuple[Part, ...], layout: Layout, area: Area, room: QRectF) -> tuple[_Grid, float]:
    """The grid in which an element is largest, and its size."""

    def scale(grid: _Grid) -> float:
        wide, high = grid.room(room)
        return min(wide / area.columns, high / area.rows, MOST_PIXELS)

    best = max(_grids(font, parts, layout, area), key=scale)
    return best, scale(best)


def _units(layout: Layout, area: Area) -> tuple[tuple[int, int], tuple[int, int]]:
    """The columns, and the rows, of an area: from the first up to the last, in filters where there are some."""
    high, wide = layout.kernel
    return (area.left // wide, -(-area.right // wide)), (area.top // high, -(-area.bottom // high))


def _titles(layout: Layout) -> tuple[str, str]:
    """What columns and rows are."""
    if layout.folded:
        return "element of the row", f"row of {numbers.count(layout.columns)} elements"
    if isinstance(layout, Bands):
        across, down = _titles(layout.inner)
        return f"{across} (in bands)", f"{down} (in bands)"
    assert isinstance(layout, Grid)
    return _dimension(layout, layout.across[0]), _dimension(layout, layout.down[0])


def _dimension(layout: Grid, dim: int) -> str:
    if len(layout.shape) == 2:
        return ("row", "column")[dim]
    return ("output channel", "input channel")[dim] if dim < 2 else f"index of dimension {dim}"


def _axes(sheet: Sheet, pane: Pane, layout: Layout, area: Area) -> tuple[Axis, Axis]:
    """Ticks at the middle of columns and rows, or of filters."""
    metrics = sheet.metrics
    (left, right), (top, bottom) = _units(layout, area)
    high, wide = layout.kernel
    middle, scale = pane.area.center(), pane.camera.scale
    across = most_ticks(pane.area.width(), metrics.horizontalAdvance(numbers.count(right)))
    down = most_ticks(pane.area.height(), metrics.height())

    def x(column: float) -> float:
        return middle.x() + ((column + 0.5) * wide - pane.camera.x) * scale

    def y(row: float) -> float:
        return middle.y() + ((row + 0.5) * high - pane.camera.y) * scale

    def label(value: float) -> str:
        return numbers.count(round(value))

    titles = _titles(layout)
    if isinstance(layout, Bands):  # where a row lies says no number
        return axis_of(titles[0], (), x, label), axis_of(titles[1], (), y, label)
    columns = [
        one for one in round_numbers(left, right - 1, across, 1) if pane.area.left() <= x(one) <= pane.area.right()
    ]
    rows = [one for one in round_numbers(top, bottom - 1, down, 1) if pane.area.top() <= y(one) <= pane.area.bottom()]
    return axis_of(titles[0], columns, x, label), axis_of(titles[1], rows, y, label)


def _paint(
    painter: QPainter, sheet: Sheet, grid: _Grid, drawn: Drawn, parts: tuple[Part, ...], area: Area, camera: Camera
) -> None:
    wide, high = camera.scale * area.columns, camera.scale * area.rows
    room_wide, room_high = grid.room(sheet.area)
    cell = min(room_wide, max(wide, _WORDS))
    spare = (room_wide - cell) * grid.columns / 2
    for place, part in enumerate(parts):
        row, column = divmod(place, grid.columns)
        left = sheet.area.left() + spare + column * (grid.left + cell + GAP) + grid.left
        top = sheet.area.top() + row * (grid.above + room_high + grid.below) + grid.above
        box = QRectF(_whole(left, sheet.ratio), _whole(top, sheet.ratio), wide, high)
        pane = Pane(part, box, box, camera)
        paint_tiles(painter, pane, [drawn], sheet.theme, sheet.ratio)
        across, down = _axes(sheet, pane, drawn.tile.layout, area)
        paint_below(painter, sheet, box, across)
        paint_left(painter, sheet, box, down)
        begin = box.left() - (grid.left if cell < _FEW else 0)
        outer = QRectF(begin, top - grid.above, box.left() + cell - begin, grid.above + high + grid.below)
        axis = QRectF(begin, box.top(), outer.width(), high + room_below(sheet.metrics) + SPACE)
        painter.setFont(sheet.font)
        paint_frame(painter, Pane(part, outer, axis, camera), drawn, sheet.theme)


def _whole(value: float, ratio: float) -> float:
    """The nearest place at the edge of a pixel."""
    return round(value * ratio) / ratio
