"""What pruning by magnitude takes of one tensor, for every threshold: counted once, then only looked up.

Magnitudes fall into bins by the leading bits of their keys (see `pruner.keys`), one for each value of the types of up
to 16 bits, and bins of at most 2⁻⁹ of their magnitude for wider ones. Zero, infinity and NaN have bins of their own.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pruner.elements import Elements, Values
from pruner.keys import magnitude_keys
from pruner.mask import Mask
from pruner.parallel import in_order
from pruner.selection import host
from pruner.tally import Floats, Ints, Tally


@dataclass(frozen=True, slots=True)
class Point:
    """What a cut does: `count` elements are pruned, up to the magnitude `threshold` (None where there are none).

    `l1` and `l2` are the shares of the norms that remain, in [0, 1].
    """

    count: int
    threshold: float | None
    l1: float
    l2: float


@dataclass(frozen=True, eq=False)
class Curve:
    """How many of a tensor's elements have a magnitude up to any threshold, and what norm remains above it.

    Of the `left` elements `nan` are NaN; the others are in bins, the smallest first: int64 `places`, int64 `counts`,
    float64 `lowest` and `highest`, the least and greatest magnitude that a bin may have, and `means` (of magnitudes).
    Empty bins are left out. Curves of parts of a tensor add up.

    Counts are exact. Shares of the norms are those of the finite elements that are left, and off by less than 0.001
    (0.1 %), where normal numbers make up the norm: float32 numbers below 2⁻¹²⁶, float64 ones below 2⁻¹⁰²², have bins
    of equal width.
    """

    places: Ints
    counts: Ints
    lowest: Floats
    highest: Floats
    means: Floats
    nan: int = 0

    @property
    def left(self) -> int:
        """The elements in all, NaNs included."""
        return int(self._below[-1]) + self.nan

    @property
    def zeros(self) -> int:
        """Elements that are 0."""
        return int(self.counts[0]) if len(self.places) and self.places[0] == 0 else 0

    @property
    def largest(self) -> float:
        """The greatest threshold that is finite, up to which all finite elements lie; 0 where there are none."""
        return float(self.highest[np.isfinite(self.highest)].max(initial=0.0))

    def at_most(self, magnitude: float | None) -> Point:
        """The cut at the greatest bin's edge up to a magnitude; None prunes nothing, not even zeros."""
        steps = 0 if magnitude is None else int(np.searchsorted(self.highest, magnitude, "right"))
        return self.of_count(int(self._below[steps]))

    def of_count(self, count: int) -> Point:
        """The cut that prunes so many of the smallest; its threshold is the upper edge of the last one's bin."""
        if count <= 0:
            return Point(0, None, 1.0, 1.0)
        if count > self._below[-1]:
            return Point(count, math.nan, *self._shares(len(self.places), 0.0))
        last = int(np.searchsorted(self._below, count, "left")) - 1
        rest = (int(self._below[last + 1]) - count) / int(self.counts[last])
        return Point(count, float(self.highest[last]), *self._shares(last + 1, rest))

    def count_exactly(self, magnitude: float) -> int | None:
        """How many magnitudes are at most this one; None where it parts a bin."""
        steps = int(np.searchsorted(self.highest, magnitude, "right"))
        parted = steps < len(self.places) and self.lowest[steps] <= magnitude
        return None if parted else int(self._below[steps])

    def round_threshold(self, count: int) -> float:
        """The magnitude with the fewest digits at which exactly `count` elements lie, one of `at_most`'s counts."""
        steps = int(np.searchsorted(self._below, count, "left"))
        if steps == 0:
            return 0.0
        above = float(self.lowest[steps]) if steps < len(self.places) else math.inf
        return _shortest(float(self.highest[steps - 1]), above)

    def __add__(self, other: Curve) -> Curve:
        """Both parts as one; they are of one dtype."""
        places = np.union1d(self.places, other.places)
        counts, sums = np.zeros(len(places), np.int64), np.zeros(len(places))
        lowest, highest = np.empty(len(places)), np.empty(len(places))
        for one in (self, other):
            at = np.searchsorted(places, one.places)
            counts[at] += one.counts
            lowest[at], highest[at] = one.lowest, one.highest
        for one in (self, other):  # means weigh as their shares, so that no sum leaves the range
            at = np.searchsorted(places, one.places)
            sums[at] += one.means * (one.counts / counts[at])
        return Curve(places, counts, lowest, highest, sums, self.nan + other.nan)

    @cached_property
    def _below(self) -> Ints:
        """How many elements the first so many bins have."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def _above(self) -> tuple[Floats, Floats]:
        """Sums of magnitudes and of their squares above the first so many bins, in units of the largest mean."""
        finite = np.where(np.isfinite(self.means), self.means, 0.0)
        largest = float(finite.max(initial=0.0)) or 1.0
        sums, squares = self.counts * (finite / largest), self.counts * (finite / largest) ** 2
        return _suffix_sums(sums), _suffix_sums(squares)

    def _shares(self, steps: int, rest: float) -> tuple[float, float]:
        """The shares that remain above the first bins, and with them a `rest` of the last one."""
        found = []
        for sums in self._above:
            remains = sums[steps] + rest * (sums[steps - 1] - sums[steps])
            found.append(float(remains / sums[0]) if sums[0] else 1.0)
        return found[0], math.sqrt(found[1])


def curve_of(elements: Elements) -> Generator[None, None, Curve]:
    """The curve of the elements that are left, in one pass; gives way after each piece. Raises as reading them does."""
    made: Curve | None = None
    for made in curves_of([elements]):  # noqa: B007 - the last one counts
        if elements.numel:
            yield None
    assert made is not None, "the last piece gives the curve"
    return made


def curves_of(tensors: Iterable[Elements], threads: int = 1) -> Generator[Curve | None, None, None]:
    """The curves of tensors in their order, and None after each piece that is not a tensor's last.

    The `threads` count pieces of several tensors at a time, so that many small ones keep them busy too. Raises as
    reading does.
    """
    for work, found in in_order(_counted, _works(tensors), threads):
        if isinstance(found, Curve):
            yield found
            continue
        work.tally.add(*found)
        yield Curve(*work.tally.bins()) if work.last else None


class _Work(NamedTuple):
    """A piece to be counted, or none of an empty tensor."""

    tally: Tally
    mask: Mask
    start: int
    values: Values | None
    last: bool


def _works(tensors: Iterable[Elements]) -> Iterator[_Work]:
    for elements in tensors:
        tally = Tally(elements.dtype)
        if not elements.numel:
            yield _Work(tally, elements.mask, 0, None, last=True)
        for start, values in elements.pieces():
            yield _Work(tally, elements.mask, start, values, start + elements.piece >= elements.numel)


def _counted(work: _Work) -> tuple[_Work, Curve | tuple[Ints, Floats | None]]:
    """What a piece has, as a curve where it is all that there is."""
    keys = np.zeros(0, np.uint16) if work.values is None else host(magnitude_keys(work.values()))
    if work.mask.pruned:
        keys = keys[work.mask.chunk(work.start, work.start + len(keys))]
    whole = work.last and not work.start
    return work, Curve(*work.tally.bins_of(keys)) if whole else work.tally.count(keys)


def _suffix_sums(parts: Floats) -> Floats:
    """Sums of all parts from each one on, and 0 behind the last."""
    return np.concatenate([np.cumsum(parts[::-1])[::-1], [0.0]])


def _shortest(low: float, above: float) -> float:
    """The number with the fewest digits in [low, above)."""
    if low <= 0 or not math.isfinite(low):
        return low
    exponent = math.floor(math.log10(low))
    for digits in range(1, 17):
        for candidate in (low, low + 10.0 ** (exponent - digits)):
            short = float(f"{candidate:.{digits}e}")
            if low <= short < above and math.isfinite(short):
                return short
    return low
