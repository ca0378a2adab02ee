"""What checks ask of a checkpoint: its pairs of originals and masks, and counts of the values, read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.elements import Elements, elements_of
from pruner.progress import Meter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Pair:
    """`NAME_orig` and `NAME_mask`; `value` is `NAME`, where the file holds that too."""

    name: str
    orig: TensorInfo
    mask: TensorInfo
    value: TensorInfo | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """Counts over a tensor's elements; `negative_zeros` are among the zeros."""

    zeros: int
    negative_zeros: int
    nan: int
    inf: int


@dataclass(frozen=True, eq=False)
class Patient:
    """A checkpoint under examination; `meter` is told the bytes that are read."""

    checkpoint: Checkpoint
    meter: Meter

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The tensors in the masked form whose mask has the shape of the original."""
        tensors = self.checkpoint.tensors
        return tuple(
            Pair(name, info, mask, tensors.get(name))
            for full, info in tensors.items()
            if full.endswith("_orig")
            and (mask := tensors.get(f"{(name := full.removesuffix('_orig'))}_mask")) is not None
            and mask.shape == info.shape
        )

    @cached_property
    def masks(self) -> frozenset[str]:
        """The names of the pairs' masks."""
        return frozenset(pair.mask.name for pair in self.pairs)

    @cached_property
    def numbers(self) -> tuple[TensorInfo, ...]:
        """The tensors of floating-point numbers that can be read, masks left out."""
        return tuple(
            info
            for info in self.checkpoint.tensors.values()
            if info.readable and info.numel and info.dtype_info.family == "float" and info.name not in self.masks
        )

    @cached_property
    def vitals(self) -> dict[str, Vitals]:
        """The counts of all tensors of `numbers`, from one pass."""
        return {info.name: self._vitals(info) for info in self.numbers}

    def elements(self, info: TensorInfo) -> Elements:
        """A tensor's elements, told to the meter."""
        return elements_of(
            self.checkpoint, info.name, passed=lambda nbytes: self.meter.step(nbytes, info.name), threads=1
        )

    def chunks(self, info: TensorInfo) -> Iterator[torch.Tensor]:
        """The elements by flat index, a piece at a time."""
        for _, values in self.elements(info).pieces():
            yield values()

    def _vitals(self, info: TensorInfo) -> Vitals:
        from pruner.summaries import real

        zeros = negative = nan = inf = 0
        for _, values in self.elements(info).pieces():
            numbers = real(values()).numpy()
            zero = numbers == 0
            count = int(np.count_nonzero(zero))
            zeros += count
            negative += int(np.count_nonzero(np.signbit(numbers[zero]))) if count else 0
            finite = int(np.count_nonzero(np.isfinite(numbers)))
            if finite < len(numbers):
                odd = int(np.count_nonzero(np.isnan(numbers)))
                nan += odd
                inf += len(numbers) - finite - odd
        return Vitals(zeros, negative, nan, inf)
