"""How much of a tensor's norms a mask takes away."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.summaries import numbers_of

Norm = Literal[1, 2]


@dataclass(frozen=True, slots=True)
class Loss:
    """Sums over the finite elements of a tensor, or of several: of all, and of those that a mask prunes.

    `magnitudes` and `squares` are of all values as the file has them.
    """

    magnitudes: float = 0.0
    magnitudes_gone: float = 0.0
    squares: float = 0.0
    squares_gone: float = 0.0

    def __add__(self, other: Loss) -> Loss:
        return Loss(
            self.magnitudes + other.magnitudes,
            self.magnitudes_gone + other.magnitudes_gone,
            self.squares + other.squares,
            self.squares_gone + other.squares_gone,
        )

    def share(self, n: Norm) -> float:
        """1 − ‖after‖ₙ / ‖before‖ₙ, in [0, 1]; 0 where the norm was 0 before."""
        gone, whole = (self.magnitudes_gone, self.magnitudes) if n == 1 else (self.squares_gone, self.squares)
        share = min(gone / whole, 1.0) if whole else 0.0
        if n == 1 or share == 1.0:
            return share
        return -math.expm1(math.log1p(-share) / 2)  # 1 − √(1 − share), without losing what is small


def loss_of(checkpoint: Checkpoint, name: str, mask: Mask) -> Generator[None, None, Loss]:
    """What a mask of the tensor's shape takes of it, in float64; gives way after each chunk.

    Raises `PrunerError` where the tensor cannot be read.
    """
    sums = np.zeros(4)
    for values, kept in numbers_of(checkpoint, checkpoint[name], mask):
        assert kept is not None
        magnitudes = np.abs(values.numpy()).astype(np.float64)
        if not np.isfinite(magnitudes).all():
            magnitudes[~np.isfinite(magnitudes)] = 0
        gone = magnitudes[~kept.numpy()]
        sums += magnitudes.sum(), gone.sum(), magnitudes @ magnitudes, gone @ gone
        yield None
    return Loss(*sums.tolist())
