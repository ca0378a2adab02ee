"""Two keys between which the k-th smallest lies almost certainly, told by a sample in blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pruner.keys import KeyArray, pruned_key
from pruner.mask import Bools

_DEVIATIONS = 6
"""How many standard deviations of the sample's rank the bracket is wide to each side."""
_TIED = 1 / 2000
"""The share of a sample that one key has when too many elements may have it to gather them."""
_SHORT = 2


@dataclass(frozen=True, slots=True)
class Sampled:
    """Keys from everywhere: `keys` holds blocks of neighbours one after another, `lengths` how many each block has."""

    keys: KeyArray
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bracket:
    """Keys from `low` to `high`; where many elements may have one of the two as their key, these are only counted."""

    low: int
    high: int
    low_tied: bool = False
    high_tied: bool = False


def joined(samples: list[Sampled]) -> Sampled | None:
    """The samples of several tensors as one; None where there is none."""
    found = [one for one in samples if one.lengths]
    if not found:
        return None
    return Sampled(
        np.concatenate([one.keys for one in found]), tuple(length for one in found for length in one.lengths)
    )


def bracket_of(sample: Sampled, share: float, bits: int) -> Bracket:
    """The bracket of the key that the share `share` of all keys lies below.

    Neighbours are often alike, so its width follows from how much blocks differ from the next one: the estimator of a
    stratified sample's variance by successive differences, Cochran, Sampling Techniques (1977), 8.11. A part of the
    tensor that no block met is not seen so; the bracket is wider by one block for it.
    """
    keys, size = sample.keys, len(sample.keys)
    place = min(int(share * size), size - 1)
    ordered = _in_order(keys, place)
    deviation = _deviation(sample, ordered[place])
    apart = _DEVIATIONS * max(deviation, math.sqrt(size * share * (1 - share))) + max(sample.lengths) + 8
    first, last = math.floor(share * size - apart), math.ceil(share * size + apart)
    ordered = _in_order(ordered, min(max(first, 0), size - 1), min(max(last, 0), size - 1))
    low = int(ordered[first]) if first >= 0 else 0
    high = int(ordered[last]) if last < size else pruned_key(bits) - 1
    many = _TIED * size + 2
    return Bracket(low, high, *(bool(np.count_nonzero(keys == end) > many) for end in (low, high)))


def _in_order(keys: KeyArray, *places: int) -> KeyArray:
    """The keys, ordered so far that the ones at these places are right; short ones are sorted, by radix."""
    return np.sort(keys, kind="stable") if keys.itemsize <= _SHORT else np.partition(keys, sorted(set(places)))


def _deviation(sample: Sampled, key: int) -> float:
    """The standard deviation of how many of the sample's keys are at most, or below `key`: the greater of the two.

    Where whole blocks have one key, and the greatest, all are at most that, and only “below” tells them apart.
    """
    lengths = np.array(sample.lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    weights = (lengths[:-1] + lengths[1:]) / 2

    def deviation(flags: Bools) -> float:
        shares = np.add.reduceat(flags, starts, dtype=np.int64) / lengths
        return math.sqrt(float(np.sum((weights * np.diff(shares)) ** 2)) / 2)

    return max(deviation(sample.keys <= key), deviation(sample.keys < key))
