"""Whole channels: the slices of a tensor along one dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pruner.mask import Mask
from pruner.words import counted

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Channels:
    """A tensor's channels along one dimension: `count` of them, each in runs of `inner` neighbouring elements."""

    shape: tuple[int, ...]
    dim: int

    @property
    def count(self) -> int:
        """How many channels there are."""
        return self.shape[self.dim]

    @property
    def inner(self) -> int:
        """Elements from one channel to the next."""
        return math.prod(self.shape[self.dim % len(self.shape) + 1 :])

    def runs(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The runs that elements from `start` up to `stop` lie in: where each begins among them, and its channel."""
        rows = np.arange(start // self.inner, (stop - 1) // self.inner + 1)
        return np.maximum(rows * self.inner - start, 0), rows % self.count

    def left(self, mask: Mask) -> Mask:
        """The channels that have an element that `mask` keeps, as torch counts them; one element a channel."""
        if not mask.pruned:
            return Mask.ones((self.count,))
        found = np.zeros(self.count, dtype=np.bool_)
        for start, stop in _spans(mask.numel):
            begins, channels = self.runs(start, stop)
            found[channels[np.logical_or.reduceat(mask.chunk(start, stop), begins)]] = True
        return Mask.from_bools(found)

    def widened(self, channels_kept: Mask, mask: Mask) -> Mask:
        """The elements that `mask` keeps in the channels that are kept, one element each in a mask of any shape."""
        kept = channels_kept.chunk(0, self.count)
        bits = np.empty_like(mask.bits)
        for start, stop in _spans(mask.numel):
            begins, channels = self.runs(start, stop)
            flags = np.repeat(kept[channels], np.diff(np.append(begins, stop - start)))
            bits[start // 8 : (stop + 7) // 8] = np.packbits(flags, bitorder="little")
        return Mask(mask.shape, bits & mask.bits)


def no_channels(shape: tuple[int, ...], dim: int) -> str:
    """Why a tensor of that shape has no channels along a dimension; empty where it has."""
    if len(shape) < 2:
        return "a vector has no channels" if shape else "a single number has no channels"
    return no_dimension(shape, dim)


def no_dimension(shape: tuple[int, ...], dim: int) -> str:
    """Why a dimension is not there; empty where it is."""
    if -len(shape) <= dim < len(shape):
        return ""
    return f"it has {counted(len(shape), 'dimension')}, and none of them is {dim}"


def _spans(numel: int, size: int = 1 << 20) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, numel)) for start in range(0, numel, size))
