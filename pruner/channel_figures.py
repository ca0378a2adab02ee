"""What is in each channel of a tensor: zeros, pruned elements and norms, from one pass over the values."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruner.channels import Channels, Floats, no_dimension
from pruner.elements import Elements
from pruner.errors import PrunerError
from pruner.mask import Bools
from pruner.pyramid.plane import floats
from pruner.summaries import Counts, real

if TYPE_CHECKING:
    import torch

MOST = 1 << 22
"""Channels that are told apart, at most: what is known of each takes memory."""
_PIECE = 1 << 17
"""Elements of a piece, about: their magnitudes as float64 stay in the cache."""
_WIDE = 1 << 12
"""Sums of columns are of so many of them at least: shorter ones cost more to begin than to add up."""
_COARSE = ("float64", "int64", "int32", "uint32", "uint64", "complex128")
"""Types of which float32 does not hold every value."""
_QUIET = np.errstate(over="ignore", invalid="ignore")
Sums = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ChannelFigures:
    """Figures of `count` channels that have `elements` elements each, one entry a channel in each array.

    `zeros` (int64) counts values that are 0 or pruned; NaN is none. `pruned` (int64) are masked out. The norms are
    float64, of the file's values and of those with 0 where they are pruned, as `torch.norm` defines them: a NaN makes
    its channel's norm NaN, an infinite value makes it infinite. Complex numbers count by their magnitudes. `squares_…`
    are the L2 norms squared, which add up.
    """

    elements: int
    zeros: Counts
    pruned: Counts
    l1_before: Floats
    l1_after: Floats
    squares_before: Floats
    squares_after: Floats

    @property
    def count(self) -> int:
        """How many channels there are."""
        return len(self.zeros)

    @property
    def l2_before(self) -> Floats:
        """The L2 norms of the file's values."""
        return _rooted(self.squares_before)

    @property
    def l2_after(self) -> Floats:
        """The L2 norms of what is kept."""
        return _rooted(self.squares_after)

    @property
    def dead(self) -> Bools:
        """Which channels have nothing but zeros and pruned elements."""
        flags: Bools = self.zeros == self.elements
        return flags

    @_QUIET
    def grouped(self, size: int) -> ChannelFigures:
        """The figures of runs of `size` neighbouring channels; `size` divides `count`."""
        arrays = [getattr(self, one.name) for one in fields(self)[1:]]
        return ChannelFigures(self.elements * size, *(one.reshape(-1, size).sum(axis=1) for one in arrays))


def channel_figures(elements: Elements, dim: int) -> Generator[None, None, ChannelFigures]:
    """The figures of a tensor's channels along a dimension, with the elements' mask; gives way after each piece.

    One thread computes: a second one is no faster, since both wait for memory. Raises `PrunerError` where the tensor
    has no such dimension or too many channels along it, or cannot be read.
    """
    if why := no_channel_figures(elements.shape, dim):
        raise PrunerError(f"“{elements.name}”: {why}.")
    channels = Channels(elements.shape, dim)
    if not elements.numel:
        none, nothing = np.zeros(channels.count, np.int64), np.zeros(channels.count)
        return ChannelFigures(0, none, none, nothing, nothing, nothing, nothing)
    adding = _Columns(channels) if channels.count * channels.inner <= _PIECE else _Runs(channels)
    masked = elements.mask.pruned > 0
    terms = _Terms()
    totals = [np.zeros(adding.size) for _ in range(6 if masked else 3)]
    for start, values in replace(elements, piece=_PIECE).pieces():
        numbers = _numbers(values())
        kept = elements.mask.chunk(start, start + len(numbers)) if masked else None
        for total, term in zip(totals, terms.of(numbers, kept), strict=True):
            adding.add(total, start, term)
        yield None
    l1, squares, zeros, *after = (adding.folded(total) for total in totals)
    l1_after, squares_after, pruned = after or (l1, squares, np.zeros(channels.count))
    each = elements.numel // channels.count
    return ChannelFigures(each, _whole(zeros), _whole(pruned), l1, l1_after, squares, squares_after)


def no_channel_figures(shape: tuple[int, ...], dim: int) -> str:
    """Why channels along a dimension have no figures; empty where they have."""
    if not shape:
        return "a single number has no channels"
    if why := no_dimension(shape, dim):
        return why
    return f"dimension {dim} has {shape[dim]} indices, and at most {MOST} are told apart" if shape[dim] > MOST else ""


class _Columns:
    """Adds up channels that come round within a piece: as columns of a table, which are few enough to be kept."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        whole = channels.count * channels.inner
        self.size = whole * math.ceil(_WIDE / whole)

    @_QUIET
    def add(self, total: Floats, start: int, terms: Sums) -> None:
        """Count a piece from element `start` on."""
        begin = min(-start % self.size, len(terms))
        rows = (len(terms) - begin) // self.size
        end = begin + rows * self.size
        if rows:
            total += terms[begin:end].reshape(rows, self.size).sum(axis=0)
        first = start % self.size
        total[first : first + begin] += terms[:begin]
        total[: len(terms) - end] += terms[end:]

    @_QUIET
    def folded(self, total: Floats) -> Floats:
        """One sum a channel."""
        found: Floats = total.reshape(-1, self._channels.count, self._channels.inner).sum(axis=(0, 2))
        return found


class _Runs:
    """Adds up channels run by run, where a piece holds a part of them."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self.size = channels.count

    @_QUIET
    def add(self, total: Floats, start: int, terms: Sums) -> None:
        """Count a piece from element `start` on: runs that follow one another are of neighbouring channels."""
        sums = terms
        if self._channels.inner > 1:
            sums = np.add.reduceat(terms, self._channels.runs(start, start + len(terms))[0])
        place = start // self._channels.inner % self.size
        while len(sums):
            part, sums = sums[: self.size - place], sums[self.size - place :]
            total[place : place + len(part)] += part
            place = 0

    def folded(self, total: Floats) -> Floats:
        """One sum a channel."""
        return total


class _Terms:
    """What is added up of a piece, in memory that is taken once: taking it anew for each piece takes longer."""

    def __init__(self) -> None:
        self._sizes, self._work = np.empty(_PIECE), np.empty(_PIECE)

    def of(self, values: Sums, kept: Bools | None) -> Iterator[Sums]:
        """Magnitudes, their squares, zeros; with a mask also magnitudes and squares after, and what is pruned.

        Each array is valid until the next one is asked for. Flags are float32, whose sums are exact for a piece.
        """
        sizes, work = self._sizes[: len(values)], self._work[: len(values)]
        flags = self._work.view(np.float32)[: len(values)]
        yield self._magnitudes(values, sizes)
        yield self._squared(sizes, work)
        if kept is not None:
            bits = work.view(np.int64)
            np.copyto(bits, np.negative(kept.view(np.int8)))  # all bits set where an element is kept
            np.bitwise_and(sizes.view(np.int64), bits, out=sizes.view(np.int64))  # half the time of a copy with `where`
        np.copyto(flags, sizes == 0)
        yield flags
        if kept is not None:
            yield sizes
            yield self._squared(sizes, work)
            np.copyto(flags, ~kept)
            yield flags

    @staticmethod
    @_QUIET
    def _magnitudes(values: Sums, out: Floats) -> Floats:
        np.copyto(out, values)
        return np.abs(out, out=out)

    @staticmethod
    @_QUIET
    def _squared(sizes: Floats, out: Floats) -> Floats:
        return np.square(sizes, out=out)


def _numbers(values: torch.Tensor) -> Sums:
    """Values as float32, or as float64 where that is too coarse."""
    wide = str(values.dtype).removeprefix("torch.") in _COARSE
    return real(values.cpu()).numpy() if wide else floats(values.cpu())


def _whole(sums: Floats) -> Counts:
    return sums.astype(np.int64)


def _rooted(squares: Floats) -> Floats:
    roots: Floats = np.sqrt(squares)
    return roots
