"""A tensor as a picture that is true at its scale: where several elements share a pixel, it says what they are."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.pyramid import Aggregate, Area, Layout, Plane, Pyramid, PyramidCache, Tile, build, tile

CACHE = PyramidCache()
"""The pyramids of the tensors that were looked at last; its `limit` may be set."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A tensor that can be looked at from any distance: its pyramid, and the plane whose elements lie below it."""

    plane: Plane
    pyramid: Pyramid

    @property
    def layout(self) -> Layout:
        """Where the elements lie."""
        return self.plane.layout

    @property
    def limit(self) -> float:
        """The largest finite magnitude, of what was read so far."""
        return self.pyramid.limit

    def tile(self, area: Area, block: int) -> Tile:
        """The blocks that an area touches; raises `PrunerError` where the file cannot be read."""
        return tile(self.plane, self.pyramid, area, block)


def picture(
    checkpoint: Checkpoint,
    name: str,
    mask: Mask | None,
    layout: Layout | None = None,
    aggregate: Aggregate = "extreme",
) -> Generator[Picture | None, None, Picture]:
    """The picture of a tensor; yields what is known so far from time to time, and None to give way.

    `layout` is one of the tensor's shape, None the usual one.

    Raises `PrunerError` where the tensor cannot be read.
    """
    plane = Plane.of(checkpoint, name, mask, layout)
    pyramid = CACHE.get(plane, aggregate)
    if pyramid is None:
        steps = build(plane, aggregate=aggregate)
        while pyramid is None:
            try:
                known = next(steps)
            except StopIteration as end:
                pyramid = end.value
                assert isinstance(pyramid, Pyramid)
            else:
                yield None if known is None else Picture(plane, known)
        CACHE.put(plane, pyramid)
    return Picture(plane, pyramid)
