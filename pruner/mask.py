"""A mask: one bit an element, 1 keeps and 0 prunes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
_LARGE = 1 << 16
_PART = 1 << 22
"""Bytes that are counted at a time."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Which elements of a tensor are kept.

    `shape` is the tensor's; `bits` is a read-only uint8 array of `ceil(numel / 8)` bytes in the order of the flat
    (row-major) index, the first element in the lowest bit; the bits behind the last element are 0.
    """

    shape: tuple[int, ...]
    bits: Bytes

    def __post_init__(self) -> None:
        if self.bits.dtype != np.uint8 or self.bits.shape != ((self.numel + 7) // 8,):
            raise ValueError(f"{self.bits.shape} bytes do not hold one bit for each of {self.numel} elements")
        if self.bits.flags.writeable:
            self.bits.flags.writeable = False

    @classmethod
    def ones(cls, shape: tuple[int, ...]) -> Mask:
        """The mask that keeps everything; where it is large it is one byte that is seen everywhere."""
        numel = math.prod(shape)
        if numel % 8 == 0 and numel > _LARGE:
            whole = cls(shape, np.broadcast_to(np.uint8(0xFF), (numel // 8,)))
            vars(whole)["kept"] = numel
            return whole
        bits = np.full((numel + 7) // 8, 0xFF, dtype=np.uint8)
        if numel % 8:
            bits[-1] = (1 << numel % 8) - 1
        return cls(shape, bits)

    @classmethod
    def from_bools(cls, kept: Bools, shape: tuple[int, ...] | None = None) -> Mask:
        """A mask from a bool array of any shape; `shape` overrides the array's."""
        return cls(kept.shape if shape is None else shape, np.packbits(kept.reshape(-1), bitorder="little"))

    @property
    def numel(self) -> int:
        """Elements in all."""
        return math.prod(self.shape)

    @cached_property
    def kept(self) -> int:
        """Elements that stay."""
        parts = (self.bits[start : start + _PART] for start in range(0, len(self.bits), _PART))
        return sum(int(np.bitwise_count(part).sum(dtype=np.int64)) for part in parts)

    @property
    def pruned(self) -> int:
        """Elements that are masked out."""
        return self.numel - self.kept

    def chunk(self, start: int, stop: int) -> Bools:
        """The flat elements from `start` (a multiple of 8) up to `stop`, as bools."""
        if start % 8:
            raise ValueError(f"a chunk of a mask starts at a multiple of 8, not at {start}")
        return np.unpackbits(self.bits[start // 8 : (stop + 7) // 8], count=stop - start, bitorder="little").view(
            np.bool_
        )

    def to_bools(self) -> Bools:
        """The mask as a bool array of the tensor's shape."""
        return self.chunk(0, self.numel).reshape(self.shape)

    def to_tensor(self) -> torch.Tensor:
        """The mask as a torch.bool tensor of the tensor's shape, on the CPU."""
        import torch

        return torch.from_numpy(self.to_bools())

    def __and__(self, other: Mask) -> Mask:
        """What both masks keep; they are of one shape."""
        return Mask(self.shape, self.bits & other.bits)

    def __or__(self, other: Mask) -> Mask:
        """What one of the masks keeps, or both; they are of one shape."""
        return Mask(self.shape, self.bits | other.bits)

    def without(self, other: Mask) -> Mask:
        """What this mask keeps and the other does not; they are of one shape."""
        return Mask(self.shape, self.bits & ~other.bits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return self.shape == other.shape and bool(np.array_equal(self.bits, other.bits))

    __hash__ = None  # type: ignore[assignment]
