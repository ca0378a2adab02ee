"""The pruning method that is chosen, with its options, and whether amounts count in each tensor or over all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pruner import Amount, Plan, PrunerError, Step
from pruner.methods import Method, Scope, make_method, method_named, options_of, scopes_of, takes_amount
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.plan import DEFAULT_METHOD

WHOLE = Amount(1.0)
"""What a step of a method holds that takes no amount."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of method, the method made of it (None while an option is to be given), the scope and its bounds.

    `wanted` is the scope that holds wherever the method has it. `floor` and `ceiling` hold with the scope `global`
    only, and are kept while it is `local`. Raises `PrunerError` where they leave no room.
    """

    kind: type[Method] = L1Unstructured
    method: Method | None = DEFAULT_METHOD
    wanted: Scope = "local"
    floor: float = 0.0
    ceiling: float = 1.0

    def __post_init__(self) -> None:
        Step(WHOLE, floor=self.floor, ceiling=self.ceiling)

    def of_kind(self, name: str, method: Method | None = None) -> Choice:
        """Another method, as it was made before or with its defaults."""
        return replace(self, kind=method_named(name), method=method or _with_defaults(name))

    def with_options(self, options: Mapping[str, Any]) -> Choice:
        """The same method with these options, which may be texts; raises `PrunerError` where they are wrong."""
        return replace(self, method=make_method(self.kind.name, options))

    def with_scope(self, scope: Scope) -> Choice:
        """Another scope; raises `PrunerError` where the method has no such."""
        if scope not in scopes_of(self.kind):
            raise PrunerError(self.why_one_scope)
        return replace(self, wanted=scope)

    def with_bounds(self, floor: float, ceiling: float) -> Choice:
        """Another floor and ceiling; raises `PrunerError` where they leave no room."""
        return replace(self, floor=float(floor), ceiling=float(ceiling))

    @property
    def scope(self) -> Scope:
        """Whether amounts count in each tensor, or over all together."""
        return self.wanted if self.wanted in scopes_of(self.kind) else "local"

    @property
    def takes_amount(self) -> bool:
        """Whether the method prunes an amount."""
        return takes_amount(self.kind)

    @property
    def together(self) -> bool:
        """Whether one amount counts over all tensors."""
        return self.scope == "global"

    @property
    def counts_channels(self) -> bool:
        """Whether an amount counts whole channels, not elements: where tensors cannot be ranked together."""
        return self.takes_amount and "global" not in scopes_of(self.kind)

    @property
    def unit(self) -> str:
        """What an amount counts one by one."""
        return "channel" if self.counts_channels else "element"

    @property
    def bounded(self) -> bool:
        """Whether a floor or a ceiling holds."""
        return self.together and (self.floor, self.ceiling) != (0, 1)

    @property
    def why_one_scope(self) -> str:
        """Why there is nothing to choose of the scope; empty where there is."""
        if len(scopes_of(self.kind)) > 1:
            return ""
        why = "it takes no amount" if not self.takes_amount else "whole channels of different tensors do not compare"
        return f"{self.kind.title} works in each tensor by itself: {why}."

    @property
    def lacks(self) -> str:
        """What must be given before the method can prune; empty where nothing is."""
        if self.method is not None:
            return ""
        missing = " and ".join(one.title.lower() for one in options_of(self.kind) if one.default is None)
        return f"{self.kind.title} has no {missing} yet."

    def plan(self, amounts: Mapping[str, Amount], order: Iterable[str]) -> Plan:
        """The plan that prunes these amounts by the method, in this order."""
        assert self.method is not None
        floor, ceiling = (self.floor, self.ceiling) if self.together else (0.0, 1.0)
        steps = {name: Step(amounts[name], self.method, floor, ceiling) for name in order if name in amounts}
        return Plan(steps, scope=self.scope)


def _with_defaults(name: str) -> Method | None:
    try:
        return make_method(name)
    except PrunerError:  # an option has no default
        return None
