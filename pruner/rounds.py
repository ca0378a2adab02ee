"""One round of a method on one tensor, or on several together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pruner.amount import Amount
from pruner.bounded import Bounds, Edge, limits_of, prune_between, require_within
from pruner.elements import Elements, Values, mask_by
from pruner.keys import magnitude_keys
from pruner.mask import Bools, Mask
from pruner.methods import MaskingMethod, Method, RankingMethod
from pruner.ranking import Ranking
from pruner.selection import host
from pruner.smallest import cut_of, prune_smallest

Store = Callable[[Mask], Mask]
"""Takes a mask when it is made, and gives the same one as it is to be kept."""
_FREE: Bounds = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round left of a tensor.

    `threshold` is the largest magnitude, or norm, that was pruned (None where nothing was, or nothing is measured);
    `ties` counts what stayed although it equals it. `zeros` are those of the values, and with the mask on, where the
    round came to know them; see `zeros_of`.
    """

    mask: Mask
    threshold: float | None
    ties: int
    zeros: tuple[int, int] | None


def in_memory(mask: Mask) -> Mask:
    """The mask as it is."""
    return mask


def run_round(
    method: Method,
    amount: Amount,
    tensors: Sequence[Elements],
    bounds: Sequence[Bounds],
    room: int,
    store: Store = in_memory,
) -> list[Outcome]:
    """Prune an amount of all tensors together by a method; at most `room` bytes are held of what is counted.

    A target prunes what is zero first. Raises `AmountValueError` for a count above what is left, or beyond what the
    bounds allow.
    """
    if isinstance(method, MaskingMethod):
        masks = [store(method.mask(one)) for one in tensors]
        return [Outcome(mask, None, 0, None) for mask in masks]
    assert isinstance(method, RankingMethod)
    before = tensors
    if amount.is_target and "global" in method.scopes:  # methods that rank elements; channels are no zeros
        tensors = [_without_zeros(one) for one in tensors]
    rankings = method.rank(tensors)
    k = required(amount, rankings, bounds)
    if k == 0:
        return [Outcome(one.mask, None, 0, None) for one in before]
    if all(one == _FREE for one in bounds):
        return _free(tensors, rankings, k, room, store)
    edges = prune_between(method, tensors, rankings, limits_of(rankings, bounds), k, room)
    return [_outcome(ranking, edge, store) for ranking, edge in zip(rankings, edges, strict=True)]


def threshold_of(method: RankingMethod, amount: Amount, elements: Elements, room: int = 1 << 26) -> float | None:
    """The largest magnitude that a round on one tensor would prune; None where it prunes nothing, or measures none.

    Raises as `run_round` does.
    """
    if amount.is_target and "global" in method.scopes:
        elements = _without_zeros(elements)
    rankings = method.rank([elements])
    k = required(amount, rankings, [_FREE])
    if k == 0 or rankings[0].magnitude is None:
        return None
    return rankings[0].magnitude(cut_of(rankings, k, room).key)


def required(amount: Amount, rankings: Sequence[Ranking], bounds: Sequence[Bounds]) -> int:
    """How many units the amount is; raises `AmountValueError` where there are fewer, or the bounds do not allow it."""
    k = amount.count(sum(one.left for one in rankings), sum(one.units for one in rankings))
    if any(one != _FREE for one in bounds):
        require_within(k, limits_of(rankings, bounds))
    return k


def _free(tensors: Sequence[Elements], rankings: Sequence[Ranking], k: int, room: int, store: Store) -> list[Outcome]:
    """The smallest of all, wherever they are."""
    cut, kept = prune_smallest(rankings, k, room)
    largest = rankings[0].magnitude(cut.key) if rankings[0].magnitude else None
    outcomes = []
    for one, ranking, found in zip(tensors, rankings, kept, strict=True):
        units = ranking.mask_of(Mask(_shape(ranking, one), found.bits))
        mask = store(units & one.mask if one.mask.pruned else units)
        taken = mask.pruned > one.mask.pruned
        threshold = largest if taken else None
        ties = found.equal - found.at_key
        in_file = one.zeros if one.mask.pruned else found.zeros
        zeros = None
        if ranking.by_value and in_file is not None:
            zeros = in_file, mask.pruned + (ties if cut.key == 0 else 0)
        outcomes.append(Outcome(mask, threshold, ties, zeros))
    return outcomes


def _outcome(ranking: Ranking, edge: Edge, store: Store) -> Outcome:
    threshold = None if edge.key is None or ranking.magnitude is None else ranking.magnitude(edge.key)
    return Outcome(store(edge.mask), threshold, edge.ties, None)


def _shape(ranking: Ranking, elements: Elements) -> tuple[int, ...]:
    return elements.shape if ranking.units == elements.numel else (ranking.units,)


def _without_zeros(elements: Elements) -> Elements:
    """The elements with those that are zero pruned."""
    filled = mask_by(elements, lambda _, values: ~_is_zero(values))
    return replace(elements, mask=filled & elements.mask, zeros=filled.pruned)


def zeros_of(elements: Elements, mask: Mask) -> tuple[int, int]:
    """Zeros among the values, and among the values with the mask on."""
    zero = mask_by(elements, lambda _, values: _is_zero(values))
    return zero.kept, mask.pruned + (zero & mask).kept


def _is_zero(values: Values) -> Bools:
    zero: Bools = host(magnitude_keys(values())) == 0
    return zero
