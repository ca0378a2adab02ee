"""From curves to a plan: amounts for each parameter that keep to a budget and lose as little as possible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pruner.amount import Amount
from pruner.errors import AmountValueError, PrunerError
from pruner.plan import Plan, Step
from pruner.sensitivity.costs import CostCurve, Merged

CEILING = 0.98
Limit = Literal["", "ceiling", "error"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan prunes of a parameter: `count` of the `left` elements, at the `cost` that its curve predicts.

    `limit` says what kept it from more: the ceiling, the largest error, or the budget alone (empty).
    """

    name: str
    left: int
    count: int
    cost: float
    limit: Limit = ""

    @property
    def ratio(self) -> float:
        """The pruned share of what is left."""
        return self.count / self.left if self.left else 0.0

    @property
    def amount(self) -> Amount:
        """The ratio of fewest digits that is exactly the count; the count itself where no ratio is."""
        for digits in range(2, 16):
            ratio = round(self.ratio, digits)
            if round(ratio * self.left) == self.count:
                return Amount(ratio)
        return Amount(self.count)


@dataclass(frozen=True)
class Proposal:
    """Amounts by parameter, as a plan to look at, change and run.

    `total` counts the elements of all candidates, those of parameters that are `held` out (by name, each with why)
    among them.
    """

    planned: tuple[Planned, ...]
    held: Mapping[str, str]
    total: int
    budget: Amount | None = None
    most_cost: float | None = None
    ceiling: float = CEILING

    @property
    def count(self) -> int:
        """Elements that are pruned."""
        return sum(one.count for one in self.planned)

    def plan(self) -> Plan:
        """The plan; parameters of which nothing is pruned have no step."""
        return Plan({one.name: Step(one.amount) for one in self.planned if one.count})


@dataclass(frozen=True)
class Bounds:
    """How far each parameter may be pruned: to the ratio `ceiling` of what is left, and to `most_cost` by its curve.

    At least one element stays, whatever the ceiling. Raises `PrunerError` for a ceiling outside [0, 1].
    """

    ceiling: float = CEILING
    most_cost: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.ceiling <= 1:
            raise PrunerError(f"a ceiling of {self.ceiling:g} is no sparsity: it lies between 0 and 100 %.")
        if self.most_cost is not None and not self.most_cost >= 0:
            raise PrunerError(f"a largest cost of {self.most_cost:g} has no meaning: give 0 or above.")

    def of(self, curve: CostCurve, left: int) -> tuple[int, Limit]:
        """The most elements of a parameter, and which of the bounds says so."""
        most = max(0, min(math.floor(self.ceiling * left), left - 1, curve.most))
        if self.most_cost is not None and (by_cost := curve.within(self.most_cost)) <= most:
            return by_cost, "error"
        return most, "ceiling"


def propose(
    path: str,
    curves: Mapping[str, CostCurve],
    left: Mapping[str, int],
    *,
    budget: Amount | None,
    bounds: Bounds,
    held: Mapping[str, str],
) -> Proposal:
    """Amounts that prune `budget` of all elements exactly, at the least sum of costs; without a budget all that fits.

    `curves` are costs by parameter, computed or measured, on one scale; `left` counts the elements of all candidates,
    of which those in `held` stay as they are. Raises `PrunerError` (naming the file `path`) where the budget is more
    than the bounds allow, and says what they allow.
    """
    free = {name: curve for name, curve in curves.items() if name not in held}
    limits = {name: bounds.of(curve, left[name]) for name, curve in free.items()}
    total = sum(left.values())
    merged = Merged(free, {name: most for name, (most, _) in limits.items()})
    try:
        count = merged.most if budget is None else budget.count(total)
    except AmountValueError as error:
        raise PrunerError(f"{path}: {error}") from None
    if count > merged.most:
        raise PrunerError(f"{path}: {_too_much(count, merged.most, total, left, held, bounds)}")
    planned = tuple(
        Planned(name, left[name], found, free[name].at(found), limits[name][1] if found == limits[name][0] else "")
        for name, found in merged.split(count).items()
    )
    return Proposal(planned, held, total, budget, bounds.most_cost, bounds.ceiling)


def _too_much(
    count: int, most: int, total: int, left: Mapping[str, int], held: Mapping[str, str], bounds: Bounds
) -> str:
    asked = f"{count:,} of {total:,} elements ({count / total:.2%}) cannot be pruned"
    if len(held) == len(left):
        return (
            f"{asked}: every parameter is held out, such as “{next(iter(held))}” ({next(iter(held.values()))}). Hold "
            "out less (--min-elements, --vectors, --keep), or name parameters in full (--tensors)."
        )
    causes = [f"the ceiling of {Amount(bounds.ceiling)} for each parameter"]
    if bounds.most_cost is not None:
        causes.append("the largest error")
    if held:
        kept = sum(left[name] for name in held)
        causes.append(f"what is held out ({len(held):,} parameters of {kept:,} elements)")
    listed = " and ".join([", ".join(causes[:-1]), causes[-1]] if len(causes) > 1 else causes)
    leaves = "leaves" if len(causes) == 1 else "leave"
    return (
        f"{asked}: {listed} {leaves} at most {most:,} ({math.floor(10000 * most / total) / 100:.2f}%). Ask for less, "
        "raise the ceiling, or hold out less."
    )
