"""The smallest units of several tensors: where they end, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from pruner.brackets import Sampled, joined
from pruner.ranking import Ranking
from pruner.selection import FEW, Cut, Kept, Load, keep, smallest

_MOST_SAMPLED = 1 << 23
_WORTH_THREADS = 3 << 20
"""Units from which on threads save more time than they take to be started."""
_SHORT_BITS = 16
_FINER = 6
"""Keys of 16 bits are sorted in no time, and so many more of them leave next to none inside the bracket."""


def prune_smallest(rankings: Sequence[Ranking], k: int, room: int) -> tuple[Cut, Iterator[Kept]]:
    """The cut below which the `k` smallest of all units lie, at least one, and what it leaves of each tensor in turn.

    At most `room` bytes of keys are held. The bits of what was pruned before are of no meaning.
    """
    cut = cut_of(rankings, k, room)
    sizes = [one.units for one in rankings]
    return cut, keep(partial(_pieces, rankings), cut, sizes, threads=_threads(rankings))


def cut_of(rankings: Sequence[Ranking], k: int, room: int) -> Cut:
    """The cut alone; see `prune_smallest`."""
    total = sum(one.units for one in rankings)
    return smallest(
        partial(_pieces, rankings),
        k,
        rankings[0].bits,
        total,
        None if total <= FEW else _sample(rankings, room),
        left=sum(one.left for one in rankings),
        threads=_threads(rankings),
        room=room,
    )


def _pieces(rankings: Sequence[Ranking]) -> Iterator[Load]:
    return chain.from_iterable(one.pieces() for one in rankings)


def _threads(rankings: Sequence[Ranking]) -> int:
    few = sum(one.units for one in rankings) < _WORTH_THREADS
    return 1 if few else max(one.threads for one in rankings)


def _sample(rankings: Sequence[Ranking], room: int) -> Sampled | None:
    """Keys from everywhere, of each tensor its share; so many that they and what lies in their bracket are few."""
    left = sum(one.left for one in rankings)
    finer = _FINER if rankings[0].bits <= _SHORT_BITS else 1
    wanted = min(finer * int((2 * left) ** (2 / 3)), left, _MOST_SAMPLED, room // 32)
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
