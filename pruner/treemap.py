"""The whole model as nested rectangles whose areas are numbers of elements.

Squarified as by Bruls, Huizing and van Wijk (Squarified Treemaps, 2000): the tensors and modules of a module, the
largest first, fill its rectangle in rows along the shorter side, each row as long as that makes them squarer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from pruner.checkpoint import TensorInfo
from pruner.module_tree import ModuleNode

_ROOM_HIGH, _ROOM_WIDE = 3.0, 3.0
"""A header takes at most a third of its module's height, and is that many times as wide as high."""
_size = itemgetter(0)


class Box(NamedTuple):
    """A rectangle by its edges; those of neighbours are the same numbers."""

    x: float
    y: float
    right: float
    bottom: float


class Rectangle(NamedTuple):
    """A tensor, or a module around what it owns.

    `depth` counts the modules around it and `parent` is the place of the innermost (-1 for none) in
    `Treemap.rectangles`. `header` is the height at a module's top that its content leaves free for a title.
    """

    name: str
    is_module: bool
    numel: int
    depth: int
    parent: int
    x: float
    y: float
    right: float
    bottom: float
    header: float = 0.0

    @property
    def width(self) -> float:
        """From edge to edge."""
        return self.right - self.x

    @property
    def height(self) -> float:
        """From edge to edge, the header included."""
        return self.bottom - self.y


@dataclass(frozen=True, slots=True)
class Treemap:
    """Rectangles that fill `width` by `height`: each after the module that it is in, the outermost first.

    A module that owns nothing but one module has no rectangle of its own. Nor has what has no elements.
    """

    width: float
    height: float
    rectangles: tuple[Rectangle, ...]


_Place = tuple[ModuleNode | TensorInfo, Box, int, int]
"""A module or tensor that has got its box, with its depth and parent, and not yet its rectangle."""


def treemap(tree: ModuleNode, width: float, height: float, header: float = 0.0) -> Treemap:
    """Lay a module out in so much space; `header` is the height of a module's title where there is room for it.

    Without headers areas are to each other as elements are; with them, those within one module.
    """
    if tree.numel == 0 or width <= 0 or height <= 0:
        return Treemap(width, height, ())
    found: list[Rectangle] = []
    pending: list[_Place] = [(tree, Box(0.0, 0.0, float(width), float(height)), 0, -1)]
    while pending:  # and no recursion: names in a file may nest deeper than Python's stack
        what, box, depth, parent = pending.pop()
        if isinstance(what, TensorInfo):
            found.append(Rectangle(what.name, False, what.numel, depth, parent, *box))
            continue
        node = _innermost(what)
        title = header if depth and _has_room(box, header) else 0.0
        place = len(found)
        found.append(Rectangle(node.name, True, node.numel, depth, parent, *box, title))
        inside = Box(box.x, box.y + title, box.right, box.bottom)
        pending.extend([(part, own, depth + 1, place) for part, own in _laid_out(node, inside)])
    return Treemap(width, height, tuple(found))


def _innermost(node: ModuleNode) -> ModuleNode:
    """The module, or the one that is all it owns."""
    while node.children and not any(info.numel for info in node.tensors):
        below = [child for child in node.children if child.numel]
        if len(below) != 1:
            break
        (node,) = below
    return node


def _has_room(box: Box, header: float) -> bool:
    return box.bottom - box.y >= _ROOM_HIGH * header and box.right - box.x >= _ROOM_WIDE * header


def _laid_out(node: ModuleNode, box: Box) -> Iterable[tuple[ModuleNode | TensorInfo, Box]]:
    """What a module owns, with its boxes: the largest first, equals in the order of the file."""
    sized: list[tuple[int, ModuleNode | TensorInfo]] = [(info.numel, info) for info in node.tensors]
    sized.extend((child.numel, child) for child in node.children)
    if len(sized) == 1:  # as in most modules of most models
        return [(sized[0][1], box)]
    sized = sorted((one for one in sized if one[0]), key=_size, reverse=True)  # which leaves equals in their order
    return zip([what for _, what in sized], squarify([size for size, _ in sized], box), strict=True)


def squarify(sizes: Sequence[int], box: Box) -> Iterator[Box]:
    """Boxes of areas in proportion to sizes above 0, which descend; together they are the box."""
    left, first = sum(sizes), 0
    while first < len(sizes):
        wide = box.right - box.x >= box.bottom - box.y
        short, long = (box.bottom - box.y, box.right - box.x) if wide else (box.right - box.x, box.bottom - box.y)
        end = _end_of_row(sizes, first, short * left / long if long > 0 else 0.0)
        row = sizes[first:end]
        taken = sum(row)
        if end == len(sizes):
            yield from _row(row, taken, box, wide)
            return
        if wide:
            cut = box.x + long * (taken / left)
            yield from _row(row, taken, Box(box.x, box.y, cut, box.bottom), wide)
            box = Box(cut, box.y, box.right, box.bottom)
        else:
            cut = box.y + long * (taken / left)
            yield from _row(row, taken, Box(box.x, box.y, box.right, cut), wide)
            box = Box(box.x, cut, box.right, box.bottom)
        left, first = left - taken, end


def _end_of_row(sizes: Sequence[int], first: int, factor: float) -> int:
    """Where the row ends that begins with `first`: before the size that would make its worst ratio of sides worse.

    An element of size a in a row that sums to s has the ratio of sides `factor` * a / s².
    """
    if factor <= 0:  # the box is a line
        return len(sizes)
    largest = float(sizes[first])
    total = largest
    worst = max(factor / largest, largest / factor)
    for place in range(first + 1, len(sizes)):
        size = float(sizes[place])
        square = (total + size) ** 2
        ratio = max(factor * largest / square, square / (factor * size))
        if ratio > worst:
            return place
        worst, total = ratio, total + size
    return len(sizes)


def _row(sizes: Sequence[int], total: int, box: Box, stacked: bool) -> Iterator[Box]:
    """Part a box among sizes that sum to `total`: one under the other, or side by side."""
    start, end = (box.y, box.bottom) if stacked else (box.x, box.right)
    before, done, last = start, 0, len(sizes) - 1
    for place, size in enumerate(sizes):
        done += size
        after = end if place == last else start + (end - start) * (done / total)
        yield Box(box.x, before, box.right, after) if stacked else Box(before, box.y, after, box.bottom)
        before = after
