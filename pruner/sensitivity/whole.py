"""What pruning takes of all parameters together: at one ratio for each, and at one threshold over all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pruner.amount import Amount
from pruner.sensitivity.costs import CostCurve, Merged
from pruner.sensitivity.profiles import Profile


@dataclass(frozen=True, slots=True)
class WholeLoss:
    """A ratio of all parameters together: what remains of the L2 norm of all values, as one vector, in [0, 1].

    `uniform` is with this ratio of every parameter, `together` with one threshold over all. `hardest` names the
    parameter of which that threshold takes most, and `taken` is the ratio it takes there.
    """

    ratio: float
    count: int
    uniform: float
    together: float
    hardest: str
    taken: float


@dataclass(frozen=True, eq=False)
class Whole:
    """Parameters as one: sums of squared norms over their profiles."""

    profiles: Sequence[Profile]

    def at(self, ratio: float) -> WholeLoss:
        """What a ratio of all elements takes, from curves of some 4,000 points a parameter."""
        left = {one.name: one.left for one in self.profiles}
        count = Amount(float(ratio)).count(sum(left.values()))
        amounts = {name: Amount(float(ratio)).count(every) for name, every in left.items()}
        together = self._merged.split(min(count, self._merged.most))
        taken = {name: together[name] / left[name] for name in together if left[name]}
        hardest = max(taken, key=lambda name: taken[name], default="")
        return WholeLoss(ratio, count, self._kept(amounts), self._kept(together), hardest, taken.get(hardest, 0.0))

    def _kept(self, amounts: dict[str, int]) -> float:
        return math.sqrt(max(0.0, 1 - self._merged.cost(amounts)))

    @cached_property
    def _merged(self) -> Merged:
        """The curves of squared magnitudes: sorted by slope they are all values sorted by magnitude."""
        largest = max((one.norm for one in self.profiles), default=0.0) or 1.0
        energies = {one.name: (one.norm / largest) ** 2 for one in self.profiles}
        every = sum(energies.values()) or 1.0
        curves = {
            one.name: CostCurve(one.curve.counts, one.curve.costs * (energies[one.name] / every))
            for one in self.profiles
        }
        return Merged(curves, {name: curve.most for name, curve in curves.items()})
