"""Pruning tensors in memory, on the device where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pruner.amount import Amount
from pruner.bounded import Bounds
from pruner.elements import Elements, elements_in
from pruner.errors import AmountValueError, PrunerError
from pruner.mask import Mask
from pruner.methods import Method, Scope, described, make_method, scopes_of
from pruner.parallel import threads_here
from pruner.rounds import run_round

if TYPE_CHECKING:
    import torch

_ROOM = 1 << 26
_FREE: Bounds = (0, 1)


def masks_of(
    tensors: Mapping[str, torch.Tensor],
    amount: Amount | float | int,
    *,
    method: str | Method = "l1_unstructured",
    options: Mapping[str, Any] | None = None,
    scope: Scope = "local",
    after: Mapping[str, Mask] | None = None,
) -> dict[str, Mask]:
    """The masks after one round on tensors in memory, such as a state_dict's; the tensors stay as they are.

    Tensors have any shape, strides, device and any dtype with a magnitude. `amount` is one for all: of each tensor, or
    with the scope `global` of all together; what it says to methods that take none has no meaning. `after` are masks of
    earlier rounds, by name. Beside the masks, of one bit an element on the CPU, at most 64 MB are used.

    Raises `PrunerError` for a method, options or a scope that do not go together, and for tensors that cannot be
    pruned; `AmountTypeError` or `AmountValueError` for a wrong amount.
    """
    made = make_method(method, options) if isinstance(method, str) else method
    if scope not in scopes_of(made):
        raise PrunerError(f"{made.title} has no scope {scope}; it has {' and '.join(scopes_of(made))}.")
    before = after or {}
    threads = threads_here()
    elements = [elements_in(one, before.get(name), name=name, threads=threads) for name, one in tensors.items()]
    found: dict[str, Mask] = {}
    for group in [elements] if scope == "global" and elements else [[one] for one in elements]:
        _require_fit(made, group)
        try:
            outcomes = run_round(made, Amount.of(amount), group, [_FREE] * len(group), _ROOM)
        except AmountValueError as error:
            raise AmountValueError(f"“{group[0].name}”: {error}" if len(group) == 1 else str(error)) from None
        found.update({one.name: outcome.mask for one, outcome in zip(group, outcomes, strict=True)})
    return found


def _require_fit(method: Method, tensors: Sequence[Elements]) -> None:
    for one in tensors:
        if why := method.unfit(one):
            raise PrunerError(f"{described(method)} does not fit “{one.name}”: {why}.")
