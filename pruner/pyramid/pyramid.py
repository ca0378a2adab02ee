"""A pyramid: a tensor's plane in blocks of 8 by 8 elements, of 16 by 16, and so on up to one block."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pruner.pyramid.layout import Layout
from pruner.pyramid.levels import BASE, Aggregate, Level, joined
from pruner.pyramid.plane import Floats

_SATURATED = 0.998
_SAMPLE = 1 << 16


@dataclass(frozen=True, eq=False)
class Pyramid:
    """Levels from the finest stored one, each with blocks twice as large as the one before.

    `limit` is the largest finite magnitude. `scales` are, for blocks of 1, 2, 4, 8, … elements, the magnitudes at the
    ends of the colours: a few outliers must not make all else pale. `pruned_scales` are those of what is pruned, which
    as a rule is smaller, for blocks of 8, 16, …. `read` is the share of the values that was read;
    blocks without them are NaN.
    """

    layout: Layout
    levels: tuple[Level, ...]
    limit: float
    scales: tuple[float, ...]
    pruned_scales: tuple[float, ...]
    read: float = 1.0

    @classmethod
    def over(cls, layout: Layout, base: Level, limit: float, sample: Floats, read: float = 1.0) -> Pyramid:
        """The pyramid over its finest level; `sample` are magnitudes of single elements."""
        levels = [base]
        while levels[-1].after.size > 1:
            levels.append(levels[-1].coarser())
        scales = [_scale([sample], limit)]
        for level in levels:
            scales.append(_scale(_sides(level), limit))
        first, eighth = scales[0], scales[1]
        between = [first * (eighth / first) ** (step / 3) for step in (1, 2)]
        pruned = [_scale([level.pruned], limit) if level.pruned is not None else limit or 1.0 for level in levels]
        return cls(layout, tuple(levels), limit, (first, *between, *scales[1:]), tuple(pruned), read)

    @property
    def nbytes(self) -> int:
        """Bytes of its levels."""
        return sum(level.nbytes for level in self.levels)

    @property
    def aggregate(self) -> Aggregate:
        """What stands for the values of a block."""
        return self.levels[0].aggregate

    @property
    def kept(self) -> int:
        """Kept elements in all."""
        top = self.levels[-1].kept
        return self.layout.held if top is None else int(top.sum())

    def level(self, block: int) -> Level | None:
        """The level of blocks of that size; None for those that are made from the elements."""
        return None if block < BASE else self.levels[(block // BASE).bit_length() - 1]

    def scale(self, block: int) -> float:
        """The magnitude at the ends of the colours for blocks of that size."""
        return self.scales[block.bit_length() - 1]

    def pruned_scale(self, block: int) -> float:
        """The magnitude at the ends of the colours for what is pruned of blocks of that size."""
        return self.pruned_scales[max(0, (block // BASE).bit_length() - 1)]

    @property
    def coarsest(self) -> int:
        """The size of the block that holds everything."""
        return self.levels[-1].block


def _sides(level: Level) -> list[Floats]:
    """What stands for the values of some blocks, after and before pruning."""
    if level.pruned is None:
        return [_some(level.after)]
    after, pruned = _some(level.after), _some(level.pruned)
    return [after, joined(after, pruned, level.aggregate)]


def _some(part: Floats) -> Floats:
    return part.reshape(-1)[:: math.ceil(part.size / _SAMPLE) or 1]


def _scale(parts: Iterable[Floats], limit: float) -> float:
    """The magnitude below which nearly all of the cells are."""
    cells = [_some(part) for part in parts]
    magnitudes = np.abs(cells[0] if len(cells) == 1 else np.where(np.abs(cells[0]) >= np.abs(cells[1]), *cells))
    finite = magnitudes[np.isfinite(magnitudes)]
    return (float(np.quantile(finite, _SATURATED)) if finite.size else 0.0) or limit or 1.0
