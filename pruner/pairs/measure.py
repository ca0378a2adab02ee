"""How far apart a pair of tensors is, in one pass over both, a chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from pruner.pairs.marks import Marks
from pruner.pairs.values import Both, Chunk, Values
from pruner.summaries import BINS, Histogram, places_of


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two masks: elements that both keep, that both have pruned, and that are pruned in A alone, or in B alone."""

    both_kept: int
    both_pruned: int
    only_a: int
    only_b: int

    @property
    def share(self) -> float:
        """The share of all elements on which the masks agree; 1 where there is no element."""
        agreed = self.both_kept + self.both_pruned
        return agreed / (agreed + self.only_a + self.only_b) if agreed + self.only_a + self.only_b else 1.0

    @property
    def jaccard(self) -> float | None:
        """Pruned by both, of those that either has pruned (Jaccard 1901); None where nothing is pruned."""
        either = self.both_pruned + self.only_a + self.only_b
        return self.both_pruned / either if either else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A tensor that is in both, under one name or under two that belong together.

    `changed` counts elements whose values differ (NaN equals NaN, -0.0 equals 0.0). `max_abs_difference` is infinite
    where one side alone is NaN; `where` is the index of the first element that is so far apart. `relative` is
    ‖a − b‖₂ / ‖a‖₂ (infinite where a is 0 and b is not), `cosine` that of the angle between both, None where one of
    them is 0, and `mean` the mean of a − b, of complex numbers that of |a − b|: all over the elements that are finite
    on both sides. `zeros` are those of A and of B. What shapes that differ do not allow is None.
    """

    name: str
    changed: int | None
    zeros: tuple[int, int]
    max_abs_difference: float | None
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    dtypes: tuple[str, str]
    names: tuple[str, str]
    where: tuple[int, ...] | None = None
    relative: float | None = None
    cosine: float | None = None
    mean: float | None = None
    masks: Agreement | None = None

    @property
    def alike(self) -> bool:
        """Whether shapes, types and values are equal."""
        return self.changed == 0 and self.dtypes[0] == self.dtypes[1]


def measure(both: Both, marks: Marks | None = None) -> Generator[int, None, Difference]:
    """The difference of a pair; gives way after each chunk with the bytes it had. `marks` gets each element's.

    Raises `PrunerError` where numbers cannot be read.
    """
    if not both.alike:
        zeros = yield from _zeros_apart(both)
        return _difference(both, None, zeros)
    sums = _Sums()
    itemsize = sum(info.dtype_info.itemsize for info in both.infos)
    for chunk in both.chunks():
        sums.add(chunk)
        if marks is not None:
            marks.add(chunk)
        yield len(chunk.a) * itemsize
    return _difference(both, sums, sums.zeros)


def histogram_of(both: Both, limit: float, bins: int = BINS) -> Generator[None, None, Histogram]:
    """How many finite differences a − b lie in bins up to `limit` on both sides of 0; gives way after each chunk.

    Equal elements are in no bin; they are the histogram's `zeros`. Raises as `measure` does.
    """
    counts = np.zeros(2 * bins, np.int64)
    same = 0
    scale = bins / limit if 0 < limit < math.inf else 0.0
    for chunk in both.chunks():
        unequal = chunk.unequal
        same += len(unequal) - int(np.count_nonzero(unequal))
        apart = apart_of(chunk.a[unequal], chunk.b[unequal])
        counts += np.bincount(places_of(apart[np.isfinite(apart)], scale, bins), minlength=2 * bins)
        yield None
    return Histogram(limit, counts, np.zeros_like(counts), same, 0)


def apart_of(a: Values, b: Values) -> Values:
    """a − b as real numbers: of complex ones the magnitude; NaN where one side is NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = a - b
        return np.abs(apart) if np.iscomplexobj(apart) else apart


def _zeros_apart(both: Both) -> Generator[int, None, tuple[int, int]]:
    found = [0, 0]
    for place, side in enumerate((both.values_a(), both.values_b())):
        for values, _ in side:
            found[place] += int(np.count_nonzero(values == 0))
            yield len(values) * both.infos[place].dtype_info.itemsize
    return found[0], found[1]


def _difference(both: Both, sums: _Sums | None, zeros: tuple[int, int]) -> Difference:
    one, other = both.infos
    known = (both.pair.name, None if sums is None else sums.changed, zeros, None if sums is None else sums.largest)
    shapes, dtypes, names = (one.shape, other.shape), (one.dtype, other.dtype), (one.name, other.name)
    if sums is None:
        return Difference(*known, shapes, dtypes, names)
    index = None if sums.place is None else tuple(int(part) for part in np.unravel_index(sums.place, one.shape))
    return Difference(
        *known, shapes, dtypes, names, index, sums.relative, sums.cosine, sums.mean, Agreement(*sums.masks)
    )


class _Sums:
    """Counts, products and the largest difference, which add up over chunks."""

    def __init__(self) -> None:
        self.changed = self._finite = 0
        self.zeros = (0, 0)
        self.masks = (0, 0, 0, 0)
        self.largest = 0.0
        self.place: int | None = None
        self._aa = self._bb = self._ab = self._dd = self._sum = 0.0

    def add(self, chunk: Chunk) -> None:
        """Count a chunk of both sides."""
        a, b, unequal = chunk.a, chunk.b, chunk.unequal
        changed = int(np.count_nonzero(unequal))
        self.changed += changed
        self.zeros = (self.zeros[0] + _zeros(a), self.zeros[1] + _zeros(b))
        self._add_masks(chunk)
        apart: Values = np.where(unequal, apart_of(a, b), 0.0) if changed else np.zeros(0)
        if changed:
            self._find_largest(apart, chunk.start)
        finite = np.isfinite(a) & np.isfinite(b)
        if not finite.all():
            a, b = a[finite], b[finite]
            apart = apart[finite] if changed else apart
        self._finite += len(a)
        with np.errstate(over="ignore"):
            self._aa += float(np.vdot(a, a).real)
            self._bb += float(np.vdot(b, b).real)
            self._ab += float(np.vdot(a, b).real)
            self._dd += float(np.vdot(apart, apart))
            self._sum += float(apart.sum())

    def _add_masks(self, chunk: Chunk) -> None:
        kept_a, kept_b = (int(np.count_nonzero(kept)) for kept in (chunk.kept_a, chunk.kept_b))
        both = int(np.count_nonzero(chunk.kept_a & chunk.kept_b))
        found = (both, len(chunk.a) - kept_a - kept_b + both, kept_b - both, kept_a - both)
        one, two, three, four = (before + more for before, more in zip(self.masks, found, strict=True))
        self.masks = (one, two, three, four)

    def _find_largest(self, apart: Values, start: int) -> None:
        magnitudes = np.abs(apart)
        np.nan_to_num(magnitudes, copy=False, nan=np.inf, posinf=np.inf)
        place = int(np.argmax(magnitudes))
        if self.place is None or magnitudes[place] > self.largest:
            self.largest, self.place = float(magnitudes[place]), start + place

    @property
    def relative(self) -> float | None:
        """The norm of the difference over that of A; None where they are too large to be told."""
        if self._dd == 0:
            return 0.0
        if not math.isfinite(self._dd) or not math.isfinite(self._aa):
            return None
        return math.sqrt(self._dd / self._aa) if self._aa else math.inf

    @property
    def cosine(self) -> float | None:
        """The cosine of the angle between both."""
        if self._dd == 0 and 0 < self._aa < math.inf:
            return 1.0  # which rounding might miss
        norms = math.sqrt(self._aa) * math.sqrt(self._bb)
        return max(-1.0, min(1.0, self._ab / norms)) if 0 < norms < math.inf else None

    @property
    def mean(self) -> float | None:
        """The mean difference."""
        return self._sum / self._finite if self._finite else None


def _zeros(values: Values) -> int:
    return len(values) - int(np.count_nonzero(values))
