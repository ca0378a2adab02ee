"""A treemap in pixels: which rectangle each pixel shows, and from which place of a table it takes its colour.

New colours for 50,000 rectangles are so one look-up a pixel, as for 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pruner.module_tree import ModuleNode
from pruner.treemap import Rectangle, treemap

Ints = NDArray[np.int32]

PLAIN, STRIPE, DOT = 0, 1, 2
LAYERS = 3
"""A tensor has a colour for its ground, its stripes and its dots; one that has no pattern has three times the same."""
EXTRA = 2
"""Rows of the table after those of the tensors: a module's header, and the lines between rectangles."""

_LINED = 4
"""Pixels from which a rectangle gives some to a line at its right and its bottom."""
_LABEL_WIDE, _LABEL_HIGH = 36, 15
_MOST_LABELS = 250
"""More would be noise, and each takes time to draw."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The treemap of a module at a size, with `scale` pixels to a unit of length.

    `ids` tells for each pixel the place of its rectangle, and `inks` the place of its colour in a table of `LAYERS`
    for each tensor in the order of the file, for headers and for lines. `rows` are the rectangles' rows in that
    table, `strip` those of the tensors in the order of the file. `labels` are the rectangles with room for text.
    """

    rectangles: tuple[Rectangle, ...]
    width: int
    height: int
    scale: float
    ids: Ints
    inks: Ints
    rows: Ints
    strip: Ints
    labels: tuple[int, ...]
    places: Mapping[str, int]

    def at(self, x: float, y: float) -> int | None:
        """The place of the rectangle at a point, None outside."""
        column, row = int(x * self.scale), int(y * self.scale)
        inside = 0 <= column < self.ids.shape[1] and 0 <= row < self.ids.shape[0]
        return int(self.ids[row, column]) if inside and self.rectangles else None

    def module_at(self, place: int) -> int:
        """The module into which one goes from a rectangle: itself, or the outermost around it but the whole."""
        one = self.rectangles[place]
        while not one.is_module and one.depth > 1:
            place = one.parent
            one = self.rectangles[place]
            while one.depth > 1:
                place = one.parent
                one = self.rectangles[place]
        return place if one.is_module else 0

    def path_to(self, place: int) -> list[str]:
        """The names of the modules from the whole to a rectangle."""
        found = []
        while place >= 0:
            found.append(self.rectangles[place].name)
            place = self.rectangles[place].parent
        return found[::-1]

    def neighbour(self, place: int, right: int, down: int) -> int | None:
        """The rectangle that one comes to from another in a direction; None at the edge."""
        one = self.rectangles[place]
        bottom = one.y + one.header if one.header else one.bottom
        column = min(int((one.x + one.right) / 2 * self.scale), self.ids.shape[1] - 1)
        row = min(int((one.y + bottom) / 2 * self.scale), self.ids.shape[0] - 1)
        if right:
            line = self.ids[row, column:] if right > 0 else self.ids[row, column::-1]
        else:
            line = self.ids[row:, column] if down > 0 else self.ids[row::-1, column]
        # What is too small for a pixel stands where another is seen.
        others = np.flatnonzero(line != line[0])
        return int(line[others[0]]) if len(others) else None


def make_plane(
    tree: ModuleNode, order: Mapping[str, int], width: int, height: int, scale: float, header: float
) -> Plane:
    """Lay a module out; `order` gives the tensors' places in the file."""
    found = treemap(tree, width, height, header).rectangles
    rows = np.array([len(order) if one.is_module else order[one.name] for one in found], np.int32)
    edges = np.array([(one.x, one.y, one.right, one.bottom) for one in found]).reshape(-1, 4)
    pixels = np.rint(edges * scale).astype(np.int32)
    ids = _ids(pixels, [one.is_module for one in found], round(width * scale), round(height * scale))
    return Plane(
        found,
        width,
        height,
        scale,
        ids,
        _inks(ids, rows, pixels, len(order), scale),
        rows,
        np.sort(rows[rows < len(order)]),
        _labels(found),
        {one.name: place for place, one in enumerate(found) if not one.is_module},
    )


def _ids(pixels: Ints, modules: list[bool], width: int, height: int) -> Ints:
    """The rectangle of each pixel. Modules come first and are covered by what they own, but for their headers."""
    ids = np.zeros((height, width), np.int32)
    for place, (left, top, right, bottom) in enumerate(pixels.tolist()):
        if right > left and bottom > top:
            ids[top:bottom, left:right] = place
    return ids


def _inks(ids: Ints, rows: Ints, pixels: Ints, tensors: int, scale: float) -> Ints:
    """The colour of each pixel: of a rectangle's ground or pattern, or of a line."""
    if not len(rows):
        return np.zeros_like(ids)
    inks: Ints = rows[ids] * LAYERS + pattern(*ids.shape, scale)
    wide, high = pixels[:, 2] - pixels[:, 0], pixels[:, 3] - pixels[:, 1]
    lined = ((wide >= _LINED * scale) & (high >= _LINED * scale))[ids]
    line = (tensors + 1) * LAYERS
    inks[:, :-1][(ids[:, :-1] != ids[:, 1:]) & lined[:, :-1]] = line
    inks[:-1][(ids[:-1] != ids[1:]) & lined[:-1]] = line
    return inks


def pattern(height: int, width: int, scale: float) -> Ints:
    """Where the stripes and the dots of patterns lie."""
    down = (np.arange(height) / scale).astype(np.int32)[:, None]
    across = (np.arange(width) / scale).astype(np.int32)[None, :]
    dots = np.where((across % 4 == 1) & (down % 4 == 2), DOT, PLAIN)
    return np.where((across + down) % 8 < 1, STRIPE, dots).astype(np.int32)


def _labels(found: tuple[Rectangle, ...]) -> tuple[int, ...]:
    roomy = [
        place
        for place, one in enumerate(found)
        if one.header or (not one.is_module and one.width >= _LABEL_WIDE and one.height >= _LABEL_HIGH)
    ]
    roomy.sort(key=lambda place: found[place].width * found[place].height, reverse=True)
    return tuple(roomy[:_MOST_LABELS])
