"""What the whole model can be coloured by."""

from __future__ import annotations

from enum import Enum

import numpy as np

from app.ledger import UNKNOWN, columns_of
from app.next_round import NextRound
from app.norm_losses import NormLosses
from app.treemap_colours import Shares
from pruner.losses import Norm

_TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Measure(Enum):
    """A share of each tensor, in [0, 1], by its title."""

    NOW = "Sparsity now"
    AFTER = "Sparsity after the planned round"
    L2 = "L2 norm lost"
    L1 = "L1 norm lost"

    @property
    def norm(self) -> Norm | None:
        """The norm whose loss it is; None for a sparsity."""
        return {Measure.L1: 1, Measure.L2: 2}.get(self)  # type: ignore[return-value]

    @property
    def unit(self) -> str:
        """What 100 % is, for the legend; empty where that goes without saying."""
        return f"of the {self.name} norm in the file" if self.norm is not None else ""


def shares_of(planned: NextRound, measure: Measure, losses: NormLosses) -> Shares:
    """The share of each tensor in the order of the file; NaN where it is not known."""
    assert planned.checkpoint is not None
    tensors = planned.checkpoint.tensors
    if (norm := measure.norm) is not None:
        found = (losses.of(planned.pruning, name) for name in tensors)
        return np.array([np.nan if loss is None else loss.share(norm) for loss in found], np.float64)
    ledger, numels = planned.ledger, columns_of(planned.checkpoint).numels
    zeros = ledger.after if measure is Measure.AFTER else ledger.now
    shares: Shares = np.where(zeros == UNKNOWN, np.nan, zeros / np.maximum(numels, 1))
    return shares


def top_of(measure: Measure, shares: Shares) -> float:
    """The share that has the last colour: 1, or for norms, of which little is lost, a round number above all."""
    if measure.norm is None:
        return 1.0
    most = float(np.nan_to_num(shares).max(initial=0.0))
    return next(top for top in _TOPS if most <= top)
