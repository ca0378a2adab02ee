"""Three bits an element of a pair: whether it is equal, and whether each side keeps it."""

from __future__ import annotations

import numpy as np

from pruner.mask import Bytes, Mask
from pruner.pairs.values import Chunk


class Marks:
    """Which elements are `same`, and which are `kept_a` and `kept_b`, as masks that are filled chunk by chunk."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        size = (int(np.prod(shape, dtype=np.int64)) + 7) // 8
        self._bits: tuple[Bytes, ...] = tuple(np.zeros(size, np.uint8) for _ in range(3))

    def add(self, chunk: Chunk) -> None:
        """Write down a chunk; it begins at a multiple of 8."""
        for bits, flags in zip(self._bits, (~chunk.unequal, chunk.kept_a, chunk.kept_b), strict=True):
            packed = np.packbits(flags, bitorder="little")
            bits[chunk.start // 8 : chunk.start // 8 + len(packed)] = packed

    def masks(self) -> tuple[Mask, Mask, Mask]:
        """What was written down: the equal elements, and those that A and B keep."""
        same, kept_a, kept_b = (Mask(self._shape, bits) for bits in self._bits)
        return same, kept_a, kept_b
