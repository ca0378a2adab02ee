"""The blocks that a tensor of a torch.distributed.checkpoint is cut into: they cover it exactly once."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from operator import add, gt
from pathlib import Path
from typing import Any

from pruner.checkpoint import Piece
from pruner.distributed.metadata import Places, Sizes, attributes, sizes
from pruner.errors import PrunerError, damaged

_MOST_PIECES = 100_000
_MOST_CORNERS = 1 << 21


def pieces_of(metadata: Path, key: str, size: Sizes, chunks: list[Any], places: Places) -> tuple[Piece, ...]:
    """The pieces that hold a tensor, and where they lie; raises `PrunerError` where they are not the whole tensor."""
    pieces: list[Piece] = []
    for first, shape in _blocks(metadata, key, size, chunks).items():
        place = places.get((key, first))
        if place is None:
            raise damaged(metadata, f"the place of the piece of “{key}” at {first} is missing")
        pieces.append(Piece(first, shape, *place))
    return tuple(pieces)


def _blocks(metadata: Path, key: str, size: Sizes, chunks: list[Any]) -> dict[Sizes, Sizes]:
    """The blocks that hold the tensor, first indexes to sizes, those without elements left out."""
    if 0 in size:
        return {}
    if len(chunks) > _MOST_PIECES:
        raise damaged(metadata, f"“{key}” is cut into {len(chunks)} pieces, more than any tensor is")
    blocks: dict[Sizes, Sizes] = {}
    for chunk in chunks:
        found = attributes(metadata, chunk, "ChunkStorageMetadata")
        first, shape = sizes(metadata, found.get("offsets"), key), sizes(metadata, found.get("sizes"), key)
        if len(first) != len(size) or len(shape) != len(size) or any(map(gt, map(add, first, shape), size)):
            raise damaged(metadata, f"“{key}” has a piece of shape {shape} at {first}, outside its shape {size}")
        if 0 not in shape and blocks.setdefault(first, shape) != shape:
            raise damaged(metadata, f"pieces of “{key}” overlap")
    if len(blocks) != 1 or size not in blocks.values():
        _require_whole(metadata, key, size, blocks)
    return blocks


def _require_whole(metadata: Path, key: str, size: Sizes, blocks: Mapping[Sizes, Sizes]) -> None:
    held, numel = sum(map(math.prod, blocks.values())), math.prod(size)
    if held < numel:
        raise PrunerError(
            f"{metadata}: of “{key}” only {held} of {numel} elements are there. The checkpoint is incomplete."
        )
    if not cover(size, blocks):
        raise damaged(metadata, f"pieces of “{key}” overlap, or there are too many of them")


def cover(whole: Sizes, blocks: Mapping[Sizes, Sizes]) -> bool:
    """Whether blocks, first indexes to shapes, cover a tensor exactly once.

    They do where the signed sum of their corners is that of the tensor's own: a block's indicator function is told by
    its mixed differences, which are +1 or -1 at its corners and 0 elsewhere. Nothing is that has too many corners.
    """
    split = [dim for dim, size in enumerate(whole) if any(shape[dim] != size for shape in blocks.values())]
    if len(blocks) << len(split) > _MOST_CORNERS:
        return False
    corners: Counter[Sizes] = Counter()
    for ends in itertools.product((0, 1), repeat=len(split)):
        sign = -1 if sum(ends) % 2 else 1
        for first, shape in blocks.items():
            corners[tuple(first[dim] + end * shape[dim] for dim, end in zip(split, ends, strict=True))] += sign
        corners[tuple(end * whole[dim] for dim, end in zip(split, ends, strict=True))] -= sign
    return not any(corners.values())
