"""The values and masks of a pair of tensors, chunk by chunk, beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.errors import PrunerError
from pruner.mask import Bools, Mask
from pruner.pairs.names import Pair, Side
from pruner.pyramid.plane import floats
from pruner.summaries import CHUNK

if TYPE_CHECKING:
    import torch

Values = npt.NDArray[Any]
_COARSE = frozenset({"float64", "int64", "int32", "uint32", "uint64"})
"""Types for which float32 is too coarse."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Elements of both sides from the flat index `start` on: float64 (or complex128), and which of them are kept."""

    start: int
    a: Values
    b: Values
    kept_a: Bools
    kept_b: Bools

    @property
    def unequal(self) -> Bools:
        """Which elements differ; NaN equals NaN, and -0.0 equals 0.0."""
        unequal: Bools = self.a != self.b
        if unequal.any():
            unequal &= ~(np.isnan(self.a) & np.isnan(self.b))
        return unequal


@dataclass(frozen=True, eq=False)
class Both:
    """A pair with two sides and the checkpoints that hold them; `pruned` is a mask that A's values get on top.

    An element counts as kept by the masks of both sides, where both have one, and else where it is not 0.
    """

    first: Checkpoint
    second: Checkpoint
    pair: Pair
    pruned: Mask | None = None

    @property
    def a(self) -> Side:
        """The side in the first checkpoint."""
        assert self.pair.a is not None
        return self.pair.a

    @property
    def b(self) -> Side:
        """The side in the second one."""
        assert self.pair.b is not None
        return self.pair.b

    @property
    def infos(self) -> tuple[TensorInfo, TensorInfo]:
        """What is known of both tensors."""
        return self.first[self.a.name], self.second[self.b.name]

    @property
    def alike(self) -> bool:
        """Whether both have one shape."""
        one, other = self.infos
        return one.shape == other.shape

    @property
    def masked(self) -> bool:
        """Whether both sides have a mask of their own, so that zeros need not be taken for one."""
        return (self.a.mask is not None or self.pruned is not None) and self.b.mask is not None

    def chunks(self) -> Iterator[Chunk]:
        """The elements of both; raises `PrunerError` where they cannot be read, or a mask has another shape."""
        start = 0
        for (a, kept_a), (b, kept_b) in zip(self.values_a(), self.values_b(), strict=True):
            if not self.masked:
                kept_a, kept_b = a != 0, b != 0
            assert kept_a is not None
            assert kept_b is not None
            yield Chunk(start, a, b, kept_a, kept_b)
            start += len(a)

    def values_a(self) -> Iterator[tuple[Values, Bools | None]]:
        """A's values and which of them its masks keep, None where it has none."""
        start = 0
        for values, kept in _values(self.first, self.a, self.pair.product):
            if self.pruned is not None:
                left = self.pruned.chunk(start, start + len(values))
                values, kept = np.where(left, values, 0), left if kept is None else kept & left
            yield values, kept
            start += len(values)

    def values_b(self) -> Iterator[tuple[Values, Bools | None]]:
        """B's values and which of them its mask keeps, None where it has none."""
        yield from _values(self.second, self.b, self.pair.product)


def _values(checkpoint: Checkpoint, side: Side, product: bool) -> Iterator[tuple[Values, Bools | None]]:
    info = checkpoint[side.name]
    if side.mask is None:
        for chunk in checkpoint.chunks(side.name, CHUNK):
            yield wide(chunk), None
        return
    mask = checkpoint[side.mask]
    if mask.shape != info.shape:
        raise PrunerError(
            f"{checkpoint.path}: “{mask.name}” has another shape than “{info.name}”; it is no mask of it."
        )
    chunks = zip(checkpoint.chunks(side.name, CHUNK), checkpoint.chunks(side.mask, CHUNK), strict=True)
    for chunk, kept in chunks:
        flags = wide(kept) != 0
        yield np.where(flags, wide(chunk), 0) if product else wide(chunk), flags


def wide(values: torch.Tensor) -> Values:
    """Values as float64, complex ones as complex128; int64 beyond 2^53 becomes the nearest float64."""
    import torch

    if values.is_complex():
        found: Values = (values.to(torch.complex64) if values.dtype == torch.complex32 else values).numpy()
        return found.astype(np.complex128)
    exact = str(values.dtype).removeprefix("torch.") in _COARSE
    return (values.numpy() if exact else floats(values)).astype(np.float64)


def is_coarse(info: TensorInfo) -> bool:
    """Whether float32 cannot hold all values of a tensor apart."""
    return info.dtype in _COARSE or info.dtype_info.family == "complex"
