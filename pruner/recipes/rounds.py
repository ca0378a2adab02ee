"""One round of a recipe: what `Plan.match` is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.methods import Method, Scope
from pruner.plan import DEFAULT_METHOD, Plan

NO_AMOUNT = Amount(0)
"""What a pattern gets where the method takes no amount; it has no meaning there."""


@dataclass(frozen=True)
class RecipeRound:
    """Amounts by pattern, and how they are pruned; of the patterns that match a tensor the last counts.

    `amounts` holds `NO_AMOUNT` for methods that take none. `floors` and `ceilings` are sparsities by pattern, for the
    scope `global`. `comment`, and the `notes` behind the amounts of patterns, are for people and make no round another.
    """

    amounts: Mapping[str, Amount]
    method: Method = DEFAULT_METHOD
    scope: Scope = "local"
    exclude: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    comment: str = field(default="", compare=False)
    notes: Mapping[str, str] = field(default_factory=dict, compare=False)

    def plan(self, checkpoint: Checkpoint) -> Plan:
        """The plan for a checkpoint; raises as `Plan.match` does."""
        return Plan.match(
            checkpoint,
            self.amounts,
            exclude=self.exclude,
            method=self.method,
            scope=self.scope,
            floors=self.floors,
            ceilings=self.ceilings,
        )
