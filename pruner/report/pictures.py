"""What a report draws of a tensor: a histogram of its magnitudes, and the densities of its mask."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint
from pruner.methods import Method
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.methods.threshold import Threshold
from pruner.prune import TensorPruning
from pruner.pyramid import BASE, Area, Layout, Plane, kept_alone
from pruner.summaries import Figures, Histogram, histogram

BINS = 60
_MOST_CELLS = 160
"""Cells across and down a map, at most."""


@dataclass(frozen=True, eq=False)
class TensorPicture:
    """A histogram of magnitudes, with where the last round cut (None where it cuts by something else), and a map.

    `density` is float32 of (rows, columns): the share that is kept of each block of `block` by `block` elements of the
    `layout`; NaN where there is no element.
    """

    histogram: Histogram
    cut: float | None
    density: npt.NDArray[np.float32]
    block: int
    layout: Layout


def tensor_picture(
    checkpoint: Checkpoint, done: TensorPruning, before: Figures
) -> Generator[None, None, TensorPicture]:
    """The picture of a pruned tensor; gives way after each chunk. Raises `PrunerError` where it cannot be read."""
    limit = max(abs(before.minimum or 0.0), abs(before.maximum or 0.0))
    counts = yield from histogram(checkpoint, done.name, done.mask, limit, BINS)
    plane = Plane.of(checkpoint, done.name, done.mask)
    block = _block(plane.layout)
    density = yield from _densities(plane, block)
    last = done.rounds[-1]
    return TensorPicture(counts, last.threshold if _cuts(last.method) else None, density, block, plane.layout)


def _cuts(method: Method) -> bool:
    """Whether the method's threshold is a magnitude of elements."""
    return isinstance(method, (L1Unstructured, Threshold))


def _block(layout: Layout) -> int:
    """The smallest power of two that leaves few enough cells."""
    block = 1
    while max(layout.rows, layout.columns) > _MOST_CELLS * block:
        block *= 2
    return block


def _densities(plane: Plane, block: int) -> Generator[Any, None, npt.NDArray[np.float32]]:
    layout = plane.layout
    whole = layout.whole.snapped(block)
    elements = layout.elements(whole, block)
    if plane.mask is None:
        kept = elements
    elif block < BASE:
        kept = _padded_counts(plane, whole, block)
    else:
        pyramid = yield from kept_alone(plane)
        level = pyramid.level(block)
        assert level is not None
        assert level.kept is not None
        kept = level.kept.astype(np.int64)
    there = elements > 0
    found = np.where(there, kept / np.where(there, elements, 1), np.nan)
    return found.astype(np.float32)


def _padded_counts(plane: Plane, whole: Area, block: int) -> npt.NDArray[np.int64]:
    """Kept elements of each block of a plane that is small."""
    flags = np.zeros((whole.rows, whole.columns), np.int64)
    flags[: plane.layout.rows, : plane.layout.columns] = plane.kept(plane.layout.whole)
    counts: npt.NDArray[np.int64] = flags.reshape(whole.rows // block, block, whole.columns // block, block).sum((1, 3))
    return counts
