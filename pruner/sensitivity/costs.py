"""What pruning costs, as a function of how many elements are pruned: measured or computed, of one parameter or many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pruner.amount import Amount
from pruner.tally import Floats, Ints


@dataclass(frozen=True, eq=False)
class CostCurve:
    """The cost of pruning so many elements of one parameter, straight between the points that are known.

    int64 `counts` ascend from 0, float64 `costs` are what these cost, of any unit; the first is 0.
    """

    counts: Ints
    costs: Floats

    @classmethod
    def of_ratios(cls, left: int, costs: Mapping[float, float]) -> CostCurve:
        """The curve of costs that were measured at ratios of `left` elements; nothing pruned costs nothing.

        Ratios become counts by torch's rounding; of several that come to one count the highest cost is taken.
        """
        points = {0: 0.0}
        for ratio, cost in sorted(costs.items()):
            count = Amount(float(ratio)).count(left)
            if count:
                points[count] = max(cost, points.get(count, cost))
        return cls(np.array(list(points), np.int64), np.array(list(points.values()), np.float64))

    @property
    def most(self) -> int:
        """The largest count that has a cost."""
        return int(self.counts[-1])

    def at(self, count: int) -> float:
        """The cost of a count; that of the largest one for all beyond."""
        steps = int(np.searchsorted(self.counts, count, "right"))
        if steps == len(self.counts):
            return float(self.costs[-1])
        first, last = int(self.counts[steps - 1]), int(self.counts[steps])
        before, behind = float(self.costs[steps - 1]), float(self.costs[steps])
        return before + (behind - before) * ((count - first) / (last - first))

    def within(self, cost: float) -> int:
        """The largest count up to which no count costs more."""
        reached = np.maximum.accumulate(self.costs)
        steps = int(np.searchsorted(reached, cost, "right"))
        if steps == len(reached):
            return self.most
        first, rise = int(self.counts[steps - 1]), float(reached[steps] - self.costs[steps - 1])
        share = (cost - float(self.costs[steps - 1])) / rise
        return first + int(share * (int(self.counts[steps]) - first))

    def up_to(self, count: int) -> CostCurve:
        """The beginning of the curve, up to a count."""
        if count >= self.most:
            return self
        steps = int(np.searchsorted(self.counts, count, "left"))
        counts = np.append(self.counts[:steps], count) if count else self.counts[:1]
        return CostCurve(counts, np.append(self.costs[:steps], self.at(count)) if count else self.costs[:1])

    def thinned(self, points: int) -> CostCurve:
        """The same with about so many of its points at most."""
        step = -(-len(self.counts) // points)
        chosen = np.unique(np.append(np.arange(0, len(self.counts), step), len(self.counts) - 1))
        return CostCurve(self.counts[chosen], self.costs[chosen])

    def hull(self) -> CostCurve:
        """The greatest convex curve that is nowhere above this one: what a mixture of its points can cost."""
        lengths, rises = np.diff(self.counts), np.diff(self.costs)
        if (np.diff(rises / lengths) >= 0).all():
            return self
        pooled: list[tuple[int, float]] = []
        for length, rise in zip(lengths.tolist(), rises.tolist(), strict=True):
            while pooled and pooled[-1][1] * length >= rise * pooled[-1][0]:
                before = pooled.pop()
                length, rise = length + before[0], rise + before[1]
            pooled.append((length, rise))
        counts = np.cumsum([0, *(length for length, _ in pooled)])
        return CostCurve(counts, self.costs[np.searchsorted(self.counts, counts)])


@dataclass(frozen=True, eq=False)
class Merged:
    """Curves of several parameters, put together so that any number of elements in all costs as little as possible.

    `limits` are the most elements that may be taken of each. The sum of costs is least where every parameter stops at
    one slope λ of its convex hull (Everett, Generalized Lagrange Multiplier Method, Operations Research 11, 1963; as
    Shoham and Gersho, 1988, allot bits). So the pieces of all hulls are sorted by slope once, and a budget takes them
    from the flattest on, a part of the last. For convex curves that is the optimum; for others at most one parameter
    ends between the corners of its hull.
    """

    curves: Mapping[str, CostCurve]
    limits: Mapping[str, int]

    @property
    def most(self) -> int:
        """The most elements that can be taken."""
        return int(self._totals[-1])

    def split(self, count: int) -> dict[str, int]:
        """How many elements to take of each parameter, `count` in all, which is not above `most`."""
        whole = int(np.searchsorted(self._totals, count, "right")) - 1
        taken = np.bincount(self._owners[:whole], self._lengths[:whole], len(self.curves)).astype(np.int64)
        if whole < len(self._owners):
            taken[self._owners[whole]] += count - int(self._totals[whole])
        return dict(zip(self.curves, taken.tolist(), strict=True))

    def cost(self, amounts: Mapping[str, int]) -> float:
        """The sum of what the parameters cost."""
        return sum(self.curves[name].at(count) for name, count in amounts.items())

    @cached_property
    def _sorted(self) -> tuple[Ints, Ints]:
        """Owner and length of each piece of the hulls, the flattest first."""
        hulls = [curve.up_to(self.limits[name]).hull() for name, curve in self.curves.items()]
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(hull.counts) for hull in hulls)])
        rises = np.concatenate([np.zeros(0), *(np.diff(hull.costs) for hull in hulls)])
        owners = np.repeat(np.arange(len(hulls)), [len(hull.counts) - 1 for hull in hulls])
        order = np.argsort(rises / lengths, kind="stable")
        return owners[order], lengths[order]

    @property
    def _owners(self) -> Ints:
        return self._sorted[0]

    @property
    def _lengths(self) -> Ints:
        return self._sorted[1]

    @cached_property
    def _totals(self) -> Ints:
        return np.concatenate([[0], np.cumsum(self._lengths)])
