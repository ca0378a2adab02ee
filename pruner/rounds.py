"""One round of a method on one tensor, or on several together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from pruner.amount import Amount
from pruner.brackets import Sampled, joined
from pruner.elements import Elements, Values
from pruner.errors import AmountValueError
from pruner.keys import magnitude_keys
from pruner.mask import Bools, Bytes, Mask
from pruner.methods import MaskingMethod, Method, RankingMethod
from pruner.parallel import in_order
from pruner.ranking import Ranking
from pruner.selection import FEW, Cut, Kept, Load, host, keep, smallest

_MOST_SAMPLED = 1 << 23
_HAIR = 1e-6
"""What a product of a ratio and a count may be off by."""

Store = Callable[[Mask], Mask]
"""Takes a mask when it is made, and gives the same one as it is to be kept."""
Bounds = tuple[float, float]
"""The least and the most sparsity that a tensor may end with, by its masks."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round left of a tensor.

    `threshold` is the largest magnitude, or norm, that was pruned (None where nothing was, or nothing is measured);
    `ties` counts what stayed although it equals it. `zeros` are those of the values, and with the mask on.
    """

    mask: Mask
    threshold: float | None
    ties: int
    zeros: tuple[int, int]


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
    Raises `AmountValueError` for a count above what is left, or beyond what the bounds allow.
    """
    if isinstance(method, MaskingMethod):
        masks = [store(method.mask(one)) for one in tensors]
        return [Outcome(mask, None, 0, _zeros(one, mask)) for one, mask in zip(tensors, masks, strict=True)]
    assert isinstance(method, RankingMethod)
    before = tensors
    if amount.is_target and "global" in method.scopes:  # methods that rank elements; channels are no zeros
        tensors = [_without_zeros(one) for one in tensors]
    rankings = method.rank(tensors)
    k = required(amount, rankings)
    if k == 0:
        return [Outcome(one.mask, None, 0, _zeros(one, one.mask)) for one in before]
    if all(one == (0, 1) for one in bounds):
        return _free(tensors, rankings, k, room, store)
    return _bounded(method, tensors, rankings, bounds, k, room, store)


def threshold_of(method: RankingMethod, amount: Amount, elements: Elements, room: int = 1 << 26) -> float | None:
    """The largest magnitude that a round on one tensor would prune; None where it prunes nothing, or measures none.

    Raises as `run_round` does.
    """
    if amount.is_target and "global" in method.scopes:
        elements = _without_zeros(elements)
    rankings = method.rank([elements])
    k = required(amount, rankings)
    if k == 0 or rankings[0].magnitude is None:
        return None
    return rankings[0].magnitude(_cut(rankings, k, room).key)


def required(amount: Amount, rankings: Sequence[Ranking]) -> int:
    """How many units the amount is; raises `AmountValueError` where there are fewer."""
    return amount.count(sum(one.left for one in rankings), sum(one.units for one in rankings))


def _free(
    tensors: Sequence[Elements], rankings: Sequence[Ranking], k: int, room: int, store: Store
) -> list[Outcome]:
    """The smallest of all, wherever they are."""
    cut, kept = prune_smallest(rankings, k, room)
    outcomes = []
    for one, ranking, found in zip(tensors, rankings, kept, strict=True):
        units = ranking.mask_of(Mask(_shape(ranking, one), found.bits))
        mask = store(units & one.mask if one.mask.pruned else units)
        taken = mask.pruned > one.mask.pruned
        threshold = ranking.magnitude(cut.key) if ranking.magnitude and taken else None
        ties = found.equal - found.at_key
        zeros = one.zeros if one.mask.pruned else found.zeros
        if ranking.by_value and zeros is not None:
            outcomes.append(Outcome(mask, threshold, ties, (zeros, mask.pruned + (ties if cut.key == 0 else 0))))
        else:
            outcomes.append(Outcome(mask, threshold, ties, _zeros(one, mask)))
    return outcomes


def _bounded(
    method: RankingMethod,
    tensors: Sequence[Elements],
    rankings: Sequence[Ranking],
    bounds: Sequence[Bounds],
    k: int,
    room: int,
    store: Store,
) -> list[Outcome]:
    """The smallest of all between the bounds.

    Each tensor's smallest, up to its floor, are pruned in any case, and those above its ceiling in none; among the
    others the smallest of all are pruned.
    """
    gone = [ranking.units - ranking.left for ranking in rankings]
    units = [ranking.units for ranking in rankings]
    least = [max(0, math.ceil(low * n - _HAIR) - out) for n, (low, _), out in zip(units, bounds, gone, strict=True)]
    most = [max(0, math.floor(high * n + _HAIR) - out) for n, (_, high), out in zip(units, bounds, gone, strict=True)]
    if not sum(least) <= k <= sum(most):
        side, limit = ("floors", sum(least)) if k < sum(least) else ("ceilings", sum(most))
        raise AmountValueError(
            f"The amount is {k} elements, but the {side} of the tensors ask for at {'least' if k < limit else 'most'} "
            f"{limit}; change the amount or the {side}."
        )
    floors = [_smallest_of(one, own, count, room) for one, own, count in zip(tensors, rankings, least, strict=True)]
    ceilings = [_smallest_of(one, own, count, room) for one, own, count in zip(tensors, rankings, most, strict=True)]
    between = [one.left_by(low.without(high)) for one, low, high in zip(tensors, floors, ceilings, strict=True)]
    rest = k - sum(least)
    masks = floors
    threshold = None
    if rest:
        again = method.rank(between)
        cut, kept = prune_smallest(again, rest, room)
        threshold = again[0].magnitude(cut.key) if again[0].magnitude else None
        masks = [
            store((Mask(one.shape, found.bits) & one.mask) | high)
            for one, found, high in zip(between, kept, ceilings, strict=True)
        ]
    return [Outcome(mask, threshold, 0, _zeros(one, mask)) for one, mask in zip(tensors, masks, strict=True)]


def _smallest_of(elements: Elements, ranking: Ranking, k: int, room: int) -> Mask:
    """The mask after the `k` smallest of one tensor are pruned."""
    if k == 0:
        return elements.mask
    if k >= ranking.left:
        return Mask(elements.shape, np.zeros_like(elements.mask.bits))
    _, kept = prune_smallest([ranking], k, room)
    return Mask(elements.shape, next(kept).bits) & elements.mask


def prune_smallest(rankings: Sequence[Ranking], k: int, room: int) -> tuple[Cut, Iterator[Kept]]:
    """The cut below which the `k` smallest of all units lie, at least one, and what it leaves of each tensor in turn.

    At most `room` bytes of keys are held. The bits of what was pruned before are of no meaning.
    """
    cut = _cut(rankings, k, room)
    return cut, _kept(rankings, cut)


def _kept(rankings: Sequence[Ranking], cut: Cut) -> Iterator[Kept]:
    at_key = cut.at_key
    for one in rankings:
        found = keep(one.pieces, cut, at_key, one.units, threads=one.threads)
        at_key -= found.at_key
        yield found


def _cut(rankings: Sequence[Ranking], k: int, room: int) -> Cut:
    total = sum(one.units for one in rankings)

    def pieces() -> Iterator[Load]:
        return chain.from_iterable(one.pieces() for one in rankings)

    return smallest(
        pieces,
        k,
        rankings[0].bits,
        total,
        None if total <= FEW else _sample(rankings, room),
        left=sum(one.left for one in rankings),
        threads=max(one.threads for one in rankings),
        room=room,
    )


def _sample(rankings: Sequence[Ranking], room: int) -> Sampled | None:
    """Keys from everywhere, of each tensor its share; so many that they and what lies in their bracket are few."""
    left = sum(one.left for one in rankings)
    wanted = min(int((2 * left) ** (2 / 3)), left, _MOST_SAMPLED, room // 32)
    found, owed = [], 0.0
    for one in rankings:
        owed += wanted * one.left / left
        if (count := int(owed)) == 0:
            continue
        owed -= count
        sample = one.sample(count)
        if sample is None:
            return None
        found.append(sample)
    return joined(found)


def _shape(ranking: Ranking, elements: Elements) -> tuple[int, ...]:
    return elements.shape if ranking.units == elements.numel else (ranking.units,)


def _without_zeros(elements: Elements) -> Elements:
    """The elements with those that are zero pruned."""
    filled = _mask_of(elements, lambda zero: ~zero)
    return replace(elements, mask=filled & elements.mask, zeros=filled.pruned)


def _zeros(elements: Elements, mask: Mask) -> tuple[int, int]:
    """Zeros among the values, and among the values with the mask on."""
    zero = _mask_of(elements, lambda flags: flags)
    return zero.kept, mask.pruned + (zero & mask).kept


def _mask_of(elements: Elements, flags_of: Callable[[Bools], Bools]) -> Mask:
    """What a function of “is zero” says, one bit an element; earlier rounds do not matter."""
    bits = np.empty_like(elements.mask.bits)
    place = 0

    def part(piece: tuple[int, Values]) -> Bytes:
        return np.packbits(flags_of(host(magnitude_keys(piece[1]())) == 0), bitorder="little")

    for packed in in_order(part, elements.pieces(), elements.threads):
        bits[place : place + len(packed)] = packed
        place += len(packed)
    return Mask(elements.shape, bits)
