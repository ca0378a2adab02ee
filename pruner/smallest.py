"""The smallest units of several tensors: where they end, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from pruner.brackets import Sampled, joined
from pruner.ranking import Ranking
from pruner.selection import FEW, Cut, Kept, Load, keep, smallest

_MOST_SAMPLED = 1 << 23


def prune_smallest(rankings: Sequence[Ranking], k: int, room: int) -> tuple[Cut, Iterator[Kept]]:
    """The cut below which the `k` smallest of all units lie, at least one, and what it leaves of each tensor in turn.

    At most `room` bytes of keys are held. The bits of what was pruned before are of no meaning.
    """
    cut = cut_of(rankings, k, room)
    return cut, _kept(rankings, cut)


def _kept(rankings: Sequence[Ranking], cut: Cut) -> Iterator[Kept]:
    at_key = cut.at_key
    for one in rankings:
        found = keep(one.pieces, cut, at_key, one.units, threads=one.threads)
        at_key -= found.at_key
        yield found


def cut_of(rankings: Sequence[Ranking], k: int, room: int) -> Cut:
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
