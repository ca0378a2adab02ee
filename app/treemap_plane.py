"""A treemap in pixels: which rectangle each pixel shows, and from which place of a table it takes its colour.

New colours for 50,000 rectangles are so one look-up a pixel, as for 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

TILE = 8
"""Pixels from a stripe to the next."""
LINED, PARTED = 4, 24
"""Pixels from which a tensor gives some to a line at its right and its bottom, and a module to a wider one."""
_LABEL_WIDE, _LABEL_HIGH = 36, 17
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
        if self.rectangles[place].is_module:
            return place
        while self.rectangles[place].depth > 1:
            place = self.rectangles[place].parent
        return place if self.rectangles[place].is_module else 0

    def rows_below(self, place: int) -> Ints:
        """The places in the file of the tensors in a module."""
        depth = self.rectangles[place].depth
        end = place + 1
        while end < len(self.rectangles) and self.rectangles[end].depth > depth:
            end += 1
        rows: Ints = self.rows[place:end]
        tensors: Ints = rows[rows < self.rows[0]]
        return tensors

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
    ids = _ids(pixels, round(width * scale), round(height * scale))
    return Plane(
        found,
        width,
        height,
        scale,
        ids,
        _inks(ids, rows, pixels, _groups(found), scale),
        rows,
        np.sort(rows[rows < len(order)]),
        _labels(found),
        {one.name: place for place, one in enumerate(found) if not one.is_module},
    )


def _ids(pixels: Ints, width: int, height: int) -> Ints:
    """The rectangle of each pixel. Modules come first, and what they own covers all of them but their headers."""
    ids = np.zeros((height, width), np.int32)
    for place, (left, top, right, bottom) in enumerate(pixels.tolist()):
        if right > left and bottom > top:
            ids[top:bottom, left:right] = place
    return ids


def _groups(found: Sequence[Rectangle]) -> Ints:
    """For each rectangle the place of the module that it is in beside others."""
    owned = np.bincount(np.array([one.parent + 1 for one in found], np.int32), minlength=len(found) + 1)[1:].tolist()
    groups = [0] * len(found)
    for place, one in enumerate(found):
        if one.depth:
            groups[place] = one.parent if owned[one.parent] > 1 else groups[one.parent]
    return np.array(groups, np.int32)


def _inks(ids: Ints, rows: Ints, pixels: Ints, groups: Ints, scale: float) -> Ints:
    """The colour of each pixel: of a ground, a pattern or a line, which is twice as wide between modules."""
    if not len(rows):
        return np.zeros_like(ids)
    height, width = ids.shape
    inks: Ints = np.take(rows * np.int32(LAYERS), ids)
    inks += pattern(height, width, scale)
    wide, high = pixels[:, 2] - pixels[:, 0], pixels[:, 3] - pixels[:, 1]
    least = np.minimum(wide, high)
    line = _lines(ids) & np.take(least >= LINED * scale, ids)
    parted = np.take(np.where(least[groups] >= PARTED * scale, groups, -1), ids)
    line[1:, 1:] |= _lines(parted)[:-1, :-1]
    inks[line] = (rows.max() + 1) * LAYERS
    return inks


def _lines(ids: Ints) -> NDArray[np.bool_]:
    """The last pixels before another number, to the right and down."""
    line = np.zeros(ids.shape, bool)
    line[:, :-1] = ids[:, :-1] != ids[:, 1:]
    line[:-1] |= ids[:-1] != ids[1:]
    return line


def pattern(height: int, width: int, scale: float) -> Ints:
    """Where the stripes and the dots of patterns lie: a tile, over and over."""
    side = max(1, round(TILE * scale))
    steps = (np.arange(side) / scale).astype(np.int32)
    down, across = steps[:, None], steps[None, :]
    dots = np.where((across % 4 == 1) & (down % 4 == 2), DOT, PLAIN)
    tile = np.where((across + down) % TILE < 1, STRIPE, dots).astype(np.int32)
    return np.tile(tile, (height // side + 1, width // side + 1))[:height, :width]


def _labels(found: tuple[Rectangle, ...]) -> tuple[int, ...]:
    roomy = [
        place
        for place, one in enumerate(found)
        if one.header or (not one.is_module and one.width >= _LABEL_WIDE and one.height >= _LABEL_HIGH)
    ]
    roomy.sort(key=lambda place: found[place].width * found[place].height, reverse=True)
    return tuple(roomy[:_MOST_LABELS])
