"""The k smallest keys: exact, piece by piece, from any number of tensors together.

Few keys are partitioned at once. Of many, a sample brackets the k-th smallest: one pass counts what lies below the
bracket and keeps what lies inside it, among which the k-th is found. Where there is no sample, or the bracket missed, a
histogram of the keys' leading bits tells the bucket of the k-th, and within it the next bits are counted, until the key
is known. Counts of pieces add up, so neither the pieces' size, nor the threads, the sample or the device change the
outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruner.brackets import Bracket, Sampled, bracket_of
from pruner.keys import KeyArray
from pruner.mask import Bytes
from pruner.parallel import in_order

if TYPE_CHECKING:
    import torch

_DIGIT_BITS = 16
FEW = 1 << 17
"""Up to so many keys are looked at together."""

Load = Callable[[], "KeyArray | torch.Tensor"]
"""Reads the keys of a piece, on the thread that calls; they may be changed by who asked for them."""
Pieces = Callable[[], Iterator[Load]]
"""The pieces in their order, each time anew."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the k smallest end: all keys below `key`, and the first `at_key` of the `equal` ones that equal it."""

    key: int
    at_key: int
    equal: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What a cut leaves of one tensor.

    `bits` has one bit for each key, as in a `Mask`; `zeros` counts the keys that are 0. `equal` keys equal the cut's
    and `at_key` of them were pruned; where the cut prunes all of them neither is counted.
    """

    bits: Bytes
    at_key: int
    equal: int
    zeros: int


def smallest(
    pieces: Pieces,
    k: int,
    bits: int,
    total: int,
    sample: Sampled | None = None,
    *,
    left: int | None = None,
    threads: int = 1,
    room: int = 1 << 27,
) -> Cut:
    """The cut below which the `k` smallest of `total` keys lie, 1 <= k <= total; keys have at most `bits` bits.

    `left` of them, all if it is not given, are below `pruned_key(bits)`; `sample` has some of these from everywhere.
    What is held of the keys takes at most `room` bytes, or as much as `FEW` of them.
    """
    if total <= FEW:
        return _cut_within(np.concatenate([host(load()) for load in pieces()]), k)
    if sample is not None and sample.lengths:
        cut = _cut_by_bracket(pieces, k, bracket_of(sample, k / (total if left is None else left), bits), threads, room)
        if cut is not None:
            return cut
    return _cut_by_histogram(pieces, k, bits, threads)


def keep(pieces: Pieces, cut: Cut, sizes: Sequence[int], *, threads: int = 1) -> Iterator[Kept]:
    """What the cut leaves of each of several tensors, whose keys the pieces give one after another.

    `sizes` counts the keys of each; all pieces of a tensor but its last have a multiple of 8 keys.
    """
    every = cut.at_key >= cut.equal
    parts = in_order(lambda load: _sides(load(), cut.key, not every), pieces(), threads)
    left = cut.at_key
    for number, size in enumerate(sizes, 1):
        bits = np.empty((size + 7) // 8, dtype=np.uint8)
        filled = place = taken = equal = zeros = 0
        while filled < size:
            part = next(parts)
            bits[place : place + len(part.above)] = _without_first(part, left)
            place += len(part.above)
            filled += part.size
            taken += min(left, part.equal)
            left -= min(left, part.equal)
            equal += part.equal
            zeros += part.zeros
        if number == len(sizes):
            next(parts, None)  # what follows the last piece, such as a check of its file, is done then
        yield Kept(bits, taken, equal, zeros)


def host(keys: KeyArray | torch.Tensor) -> KeyArray:
    """Keys as an array on the CPU."""
    if isinstance(keys, np.ndarray):
        return keys
    found: KeyArray = keys.cpu().numpy()
    return found.view(f"u{found.itemsize}")


def _cut_within(keys: KeyArray, k: int) -> Cut:
    key = np.partition(keys, k - 1)[k - 1]
    below = int(np.count_nonzero(keys < key))
    return Cut(int(key), k - below, int(np.count_nonzero(keys == key)))


@dataclass(frozen=True, slots=True)
class _Found:
    """What one piece has below the bracket, at its ends where these are counted apart, and inside it."""

    below: int
    low: int
    inside: KeyArray
    high: int


def _cut_by_bracket(pieces: Pieces, k: int, bracket: Bracket, threads: int, room: int) -> Cut | None:
    """The cut, where it lies in the bracket and not too many keys do; None elsewhere."""
    below = at_low = at_high = held = 0
    inside: list[KeyArray] = []
    counted = in_order(lambda load: _count(load(), bracket), pieces(), threads)
    for found in counted:
        below += found.below
        at_low += found.low
        at_high += found.high
        inside.append(found.inside)
        held += found.inside.nbytes
        if held > room:
            counted.close()
            return None
    missing = k - below
    if missing < 1:
        return None
    if missing <= at_low:
        return Cut(bracket.low, missing, at_low)
    missing -= at_low
    between = np.concatenate(inside)
    if missing <= len(between):
        return _cut_within(between, missing)
    missing -= len(between)
    return Cut(bracket.high, missing, at_high) if missing <= at_high else None


def _count(keys: KeyArray | torch.Tensor, bracket: Bracket) -> _Found:
    low, high = bracket.low + bracket.low_tied, bracket.high - bracket.high_tied
    below = _size(keys < bracket.low) if bracket.low else 0
    at_low = _size(keys == bracket.low) if bracket.low_tied else 0
    at_high = _size(keys == bracket.high) if bracket.high_tied and bracket.high > bracket.low else 0
    if low > high:
        inside = keys[:0].copy() if isinstance(keys, np.ndarray) else keys[:0]  # a view would hold all of them
    elif isinstance(keys, np.ndarray):
        keys -= keys.dtype.type(low)  # what lies below wraps around to the greatest integers
        inside = keys[keys <= high - low] + keys.dtype.type(low)
    else:
        inside = keys[(keys >= low) & (keys <= high)]
    return _Found(below, at_low, host(inside), at_high)


def _size(flags: npt.NDArray[np.bool_] | torch.Tensor) -> int:
    return int(np.count_nonzero(flags) if isinstance(flags, np.ndarray) else flags.sum())


def _cut_by_histogram(pieces: Pieces, k: int, bits: int, threads: int) -> Cut:
    prefix, known, left, equal = 0, 0, k, 0
    while known < bits:
        width = _DIGIT_BITS if known else bits % _DIGIT_BITS or _DIGIT_BITS
        counts = _histogram(pieces, prefix, known, bits - known - width, width, threads)
        below = counts.cumsum()
        digit = int(np.count_nonzero(below < left))
        equal = int(counts[digit])
        left -= int(below[digit]) - equal
        prefix = (prefix << width) | digit
        known += width
    return Cut(key=prefix, at_key=left, equal=equal)


def _histogram(pieces: Pieces, prefix: int, known: int, shift: int, width: int, threads: int) -> npt.NDArray[np.int64]:
    """How many of the keys with these `known` leading bits have each value in the next `width` of them."""

    def counts_of(load: Load) -> npt.NDArray[np.int64]:
        keys = load()
        digits = keys >> shift if shift else keys
        if known:
            digits = digits[(digits >> width) == prefix] & ((1 << width) - 1)
        if isinstance(digits, np.ndarray):
            return np.bincount(digits.astype(np.intp), minlength=1 << width)
        counted: npt.NDArray[np.int64] = digits.bincount(minlength=1 << width).cpu().numpy()
        return counted

    total = np.zeros(1 << width, dtype=np.int64)
    for counts in in_order(counts_of, pieces(), threads):
        total += counts
    return total


@dataclass(frozen=True, slots=True)
class _Sides:
    """A piece as bits: which keys lie above the cut's, and which do or equal it."""

    size: int
    above: Bytes
    from_key: Bytes
    equal: int
    zeros: int


def _sides(keys: KeyArray | torch.Tensor, key: int, ties: bool) -> _Sides:
    above = _packed(keys > key)
    zeros = len(keys) - (int(np.count_nonzero(keys)) if isinstance(keys, np.ndarray) else _size(keys != 0))
    if not ties:
        return _Sides(len(keys), above, above, 0, zeros)
    return _Sides(len(keys), above, _packed(keys >= key), _size(keys == key), zeros)


def _packed(flags: npt.NDArray[np.bool_] | torch.Tensor) -> Bytes:
    """One bit a flag, the first in the lowest bit; those of another device are packed there, so that little travels."""
    if isinstance(flags, np.ndarray):
        return np.packbits(flags, bitorder="little")
    import torch

    spare = -len(flags) % 8
    whole = torch.nn.functional.pad(flags, (0, spare)) if spare else flags
    weights = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128], dtype=torch.uint8, device=flags.device)
    packed: Bytes = (whole.view(-1, 8) * weights).sum(1, dtype=torch.uint8).cpu().numpy()
    return packed


def _without_first(part: _Sides, count: int) -> Bytes:
    """The piece's bits with the first `count` of the keys that equal the cut's pruned, at most all of them."""
    if count >= part.equal:
        return part.above
    if not count:
        return part.from_key
    ties = np.unpackbits(part.from_key ^ part.above, count=part.size, bitorder="little").view(np.bool_)
    ties[np.flatnonzero(ties)[:count]] = False  # places of flags are found several times as fast as those of numbers
    return part.above | np.packbits(ties, bitorder="little")
