"""A round over several tensors that keeps each one's sparsity between a floor and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pruner.elements import Elements
from pruner.errors import AmountValueError
from pruner.mask import Mask
from pruner.methods import RankingMethod
from pruner.ranking import Ranking
from pruner.smallest import prune_smallest

Bounds = tuple[float, float]
"""The least and the most sparsity that a tensor may end with, by its masks."""
_HAIR = 1e-6
"""What a product of a ratio and a count may be off by."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What pruning ends at in one tensor: the mask, the key of the last unit that went, and its ties that stayed."""

    mask: Mask
    key: int | None
    ties: int


def limits_of(rankings: Sequence[Ranking], bounds: Sequence[Bounds]) -> list[tuple[int, int]]:
    """How many units of each tensor a round must and may prune; earlier rounds count.

    Where no whole number of units lies between floor and ceiling, the floor holds.
    """
    limits = []
    for ranking, (low, high) in zip(rankings, bounds, strict=True):
        gone = ranking.units - ranking.left
        least = math.ceil(low * ranking.units - _HAIR) - gone
        most = math.floor(high * ranking.units + _HAIR) - gone
        limits.append((max(0, least), max(0, least, most)))
    return limits


def require_within(k: int, limits: Sequence[tuple[int, int]]) -> None:
    """Raise `AmountValueError` where `k` units are less than the floors ask for, or more than the ceilings allow."""
    least, most = (sum(side) for side in zip(*limits, strict=True))
    if k < least:
        raise AmountValueError(f"{k} elements are less than the {least} that the floors ask for; lower the floors.")
    if k > most:
        raise AmountValueError(f"{k} elements are more than the {most} that the ceilings allow; raise the ceilings.")


def prune_between(
    method: RankingMethod,
    tensors: Sequence[Elements],
    rankings: Sequence[Ranking],
    limits: Sequence[tuple[int, int]],
    k: int,
    room: int,
) -> list[Edge]:
    """The smallest `k` of all elements, so that of each tensor as many go as its limits say.

    A tensor's smallest, as many as it must lose, go in any case; those beyond what it may lose stay; of all the others
    the smallest go.
    """
    pairs = list(zip(tensors, rankings, strict=True))
    floors = [_edge(one, own, least, room) for (one, own), (least, _) in zip(pairs, limits, strict=True)]
    ceilings = [_edge(one, own, most, room) for (one, own), (_, most) in zip(pairs, limits, strict=True)]
    rest = k - sum(least for least, _ in limits)
    if not rest:
        return floors
    between = [
        one.left_by(floor.mask.without(ceiling.mask))
        for one, floor, ceiling in zip(tensors, floors, ceilings, strict=True)
    ]
    cut, kept = prune_smallest(method.rank(between), rest, room)
    edges = []
    for one, found, floor, ceiling in zip(between, kept, floors, ceilings, strict=True):
        stays = Mask(one.shape, found.bits) & one.mask
        if not stays.kept:
            edges.append(ceiling)
        elif stays.kept == one.mask.kept:
            edges.append(floor)
        else:
            edges.append(Edge(stays | ceiling.mask, cut.key, found.equal - found.at_key))
    return edges


def _edge(elements: Elements, ranking: Ranking, k: int, room: int) -> Edge:
    """One tensor after its `k` smallest elements are pruned, or all that are left where these are fewer."""
    k = min(k, ranking.left)
    if k == 0:
        return Edge(elements.mask, None, 0)
    cut, kept = prune_smallest([ranking], k, room)
    found = next(kept)
    return Edge(Mask(elements.shape, found.bits) & elements.mask, cut.key, found.equal - found.at_key)
