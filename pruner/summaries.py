"""What a screen or a table says about one tensor: figures and a histogram, chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.distinct import Distinct
from pruner.mask import Mask
from pruner.progress import Meter, Progress
from pruner.steps import finish

if TYPE_CHECKING:
    import torch

CHUNK = 1 << 20
BINS = 120
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """A tensor in numbers, with what is pruned counted as 0.

    NaN and infinite elements are counted, and left out of all else. `std` is the sample's (n - 1 in the denominator,
    as `torch.std`); complex numbers count by their magnitudes. None where no finite element tells. `distinct`
    values are counted in types of at most 16 bits (see `pruner.distinct`), None in others.
    """

    numel: int
    zeros: int
    pruned: int
    nan: int
    inf: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    l1: float
    l2: float
    distinct: int | None


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many finite values lie in bins of equal width from `-limit` to `limit`, half of them on each side of 0.

    `kept_values` and `pruned_values` are int64 arrays of one count a bin; exact zeros are in neither but counted in
    `zeros` (kept ones) and `zeros_pruned`.
    """

    limit: float
    kept_values: Counts
    pruned_values: Counts
    zeros: int
    zeros_pruned: int

    @cached_property
    def kept(self) -> Counts:
        """Kept magnitudes, in bins from 0 to `limit`."""
        return _folded(self.kept_values)

    @cached_property
    def pruned(self) -> Counts:
        """Pruned magnitudes, in bins from 0 to `limit`."""
        return _folded(self.pruned_values)


def _folded(counts: Counts) -> Counts:
    half = len(counts) // 2
    return counts[half:] + counts[:half][::-1]


def figures(checkpoint: Checkpoint, name: str, mask: Mask | None = None, progress: Progress | None = None) -> Figures:
    """The figures of a tensor; raises `PrunerError` where it cannot be read, and what `progress` raises."""
    meter = Meter(checkpoint[name].nbytes, progress)
    return finish(measure(checkpoint, name, mask), lambda nbytes: meter.step(nbytes, name))


def measure(checkpoint: Checkpoint, name: str, mask: Mask | None) -> Generator[int, None, Figures]:
    """`figures`, giving way after each chunk with the bytes it had."""
    info = checkpoint[name]
    found = _Measuring(info)
    for chunk, kept in _chunks_of(checkpoint, info, mask, CHUNK):
        found.add(chunk, kept)
        yield chunk.numel() * info.dtype_info.itemsize
    return found.figures(mask.pruned if mask is not None else 0)


def before_and_after(
    checkpoint: Checkpoint, name: str, mask: Mask | None
) -> Generator[int, None, tuple[Figures, Figures]]:
    """The figures of a tensor without and with its mask, in one pass; gives way as `measure` does."""
    if mask is None or not mask.pruned:
        found = yield from measure(checkpoint, name, None)
        return found, found
    info = checkpoint[name]
    before, after = _Measuring(info), _Measuring(info)
    for chunk, kept in _chunks_of(checkpoint, info, mask, CHUNK):
        before.add(chunk, None)
        after.add(chunk, kept)
        yield chunk.numel() * info.dtype_info.itemsize
    return before.figures(0), after.figures(mask.pruned)


def histogram(
    checkpoint: Checkpoint, name: str, mask: Mask | None, limit: float, bins: int = BINS
) -> Generator[None, None, Histogram]:
    """The histogram of values, with `bins` bins of magnitudes up to `limit`; gives way after each chunk."""
    counts = np.zeros(4 * bins, dtype=np.int64)
    zeros = np.zeros(2, dtype=np.int64)
    scale = bins / limit if limit > 0 else 0.0
    for values, kept in numbers_of(checkpoint, checkpoint[name], mask):
        part = values.numpy()
        gone = None if kept is None else ~kept.numpy()
        zero = part == 0
        zeros += _sides(zero, gone)
        counted = np.isfinite(part) & ~zero
        if not counted.all():
            part, gone = part[counted], None if gone is None else gone[counted]
        places = places_of(part, scale, bins)
        if gone is not None:
            places += gone * (2 * bins)
        counts += np.bincount(places, minlength=4 * bins)
        yield None
    return Histogram(limit, counts[: 2 * bins], counts[2 * bins :], int(zeros[0]), int(zeros[1]))


def _sides(flags: npt.NDArray[np.bool_], gone: npt.NDArray[np.bool_] | None) -> Counts:
    """How many flags are set where nothing is pruned, and where something is."""
    pruned = 0 if gone is None else int(np.count_nonzero(flags & gone))
    return np.array([int(np.count_nonzero(flags)) - pruned, pruned])


def places_of(values: npt.NDArray[np.floating], scale: float, bins: int) -> Counts:
    """The bin of each value; a magnitude at an edge is in the bin above it, on both sides of 0."""
    places = (np.abs(values).astype(np.float64) * scale).astype(np.int64)
    np.minimum(places, bins - 1, out=places)
    signed: Counts = np.where(values < 0, bins - 1 - places, bins + places)
    return signed


def numbers_of(
    checkpoint: Checkpoint, info: TensorInfo, mask: Mask | None, elements: int = CHUNK
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    """The elements by flat index as real floats (float64 where float32 is too coarse), and which are kept.

    `elements` is a multiple of 8 where there is a mask.
    """
    for chunk, kept in _chunks_of(checkpoint, info, mask, elements):
        yield real(chunk), kept


def _chunks_of(
    checkpoint: Checkpoint, info: TensorInfo, mask: Mask | None, elements: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
    import torch

    start = 0
    for chunk in checkpoint.chunks(info.name, elements):
        stop = start + chunk.numel()
        kept = torch.from_numpy(mask.chunk(start, stop)) if mask is not None else None
        yield chunk, kept
        start = stop


def real(values: torch.Tensor) -> torch.Tensor:
    """Values as float32, or as float64 where that is too coarse; complex ones by their magnitude."""
    import torch

    if values.is_complex():
        wide = values.to(torch.complex64) if values.dtype == torch.complex32 else values
        return wide.abs()
    if values.dtype in (torch.float64, torch.int64, torch.int32, torch.uint32, torch.uint64):
        return values.to(torch.float64)
    return values.to(torch.float32)


class _Measuring:
    """The figures of a tensor as its chunks come."""

    def __init__(self, info: TensorInfo) -> None:
        self._info = info
        self._sums, self._distinct = _Sums(), Distinct.of(info.dtype_info)

    def add(self, chunk: torch.Tensor, kept: torch.Tensor | None) -> None:
        """Count a chunk, with 0 where it is not kept."""
        values = real(chunk)
        self._sums.add(values if kept is None else values.where(kept, 0.0))
        if self._distinct is not None:
            self._distinct.add(chunk, kept)

    def figures(self, pruned: int) -> Figures:
        """What was counted."""
        distinct = self._distinct.count if self._distinct is not None else None
        return self._sums.figures(self._info.numel, pruned, distinct)


class _Sums:
    """Counts, extremes and moments that add up over chunks (Chan, Golub and LeVeque 1983 for the variance)."""

    def __init__(self) -> None:
        self.zeros = self.nan = self.inf = self.count = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self.mean = self.squares = self.l1 = self.l2 = 0.0

    def add(self, values: torch.Tensor) -> None:
        part = values.numpy()
        finite = np.isfinite(part)
        if not finite.all():
            nan = int(np.count_nonzero(np.isnan(part)))
            self.nan += nan
            self.inf += len(part) - int(np.count_nonzero(finite)) - nan
            part = part[finite]
        count = len(part)
        if not count:
            return
        self.zeros += count - int(np.count_nonzero(part))
        self.minimum = min(self.minimum, float(part.min()))
        self.maximum = max(self.maximum, float(part.max()))
        wide = part.astype(np.float64)
        mean = float(wide.mean())
        self.l1 += float(np.abs(wide).sum())
        self.l2 += float(np.square(wide).sum())
        wide -= mean
        apart = mean - self.mean
        together = self.count + count
        self.squares += float(np.square(wide, out=wide).sum()) + apart * apart * self.count * count / together
        self.mean += apart * count / together
        self.count = together

    def figures(self, numel: int, pruned: int, distinct: int | None) -> Figures:
        known = self.count > 0
        return Figures(
            numel=numel,
            zeros=self.zeros,
            pruned=pruned,
            nan=self.nan,
            inf=self.inf,
            minimum=self.minimum if known else None,
            maximum=self.maximum if known else None,
            mean=self.mean if known else None,
            std=math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None,
            l1=self.l1,
            l2=math.sqrt(self.l2),
            distinct=distinct,
        )
