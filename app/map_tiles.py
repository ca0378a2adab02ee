"""The tiles of a view: which area and block it needs, and how they are drawn on the view lane."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QRectF

from app.colour_maps import Scheme
from app.map_camera import Camera
from app.map_colours import Drawn, Part, draw
from app.theme import Theme
from pruner.picture import Picture
from pruner.pyramid import BASE, Area

_OVERVIEW = 384
"""Blocks across and down, at most, of the tile of everything that is there while others are made."""
_ALL_AT_ONCE = 1 << 20
"""Blocks of a whole tensor that make one tile."""
_MARGINS = (0.15, 0.3)
"""How much more than what is seen a tile holds, in sizes of the view: made from elements, and from the pyramid."""
_TOO_FINE = 0.45
"""Pixels of a block below which too many blocks would not be drawn."""

Found = tuple[Drawn | None, Drawn]
"""An overview, where one was asked for, and a tile."""
Show = Callable[[Found], None]


def drawn_steps(
    picture: Picture, area: Area, block: int, parts: tuple[Part, ...], theme: Theme, scheme: Scheme, overview: bool
) -> Iterator[Found]:
    """The overview, where it is asked for, and the tile of an area, drawn."""
    whole = None
    if overview:
        coarse = picture.pyramid.levels[0].block
        while max(picture.layout.rows, picture.layout.columns) > _OVERVIEW * coarse:
            coarse *= 2
        whole = draw(picture.tile(picture.layout.whole, coarse), parts, theme, scheme)
    yield whole, draw(picture.tile(area, block), parts, theme, scheme)


def wanted_block(picture: Picture, camera: Camera, ratio: float) -> int:
    """The block that covers about a pixel; `ratio` is the screen's own pixels of one of ours."""
    return min(camera.block(ratio), picture.pyramid.coarsest)


def wanted_area(picture: Picture, camera: Camera, pane: QRectF, block: int) -> Area:
    """What a tile for the view holds: all of the tensor where that is not much, else what is seen and some around."""
    layout = picture.layout
    if layout.rows * layout.columns <= _ALL_AT_ONCE * (block * block if block >= BASE else 1):
        return layout.whole
    return camera.area(pane, layout, _MARGINS[block >= BASE])


def best(drawn: Drawn | None, overview: Drawn | None, camera: Camera, pane: QRectF) -> list[Drawn]:
    """What to draw, from below to above: the overview where the tile does not hold the view, or is too fine."""
    if drawn is None or overview is None:
        return [one for one in (drawn, overview) if one is not None]
    if drawn.tile.block * camera.scale < _TOO_FINE and overview.tile.block > drawn.tile.block:
        return [overview]
    seen = camera.area(pane, drawn.tile.layout)
    return [drawn] if drawn.tile.area.holds(seen) else [overview, drawn]
