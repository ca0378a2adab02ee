"""The elements that methods work on: of a checkpoint's tensor, or of one in memory, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pruner.brackets import Sampled
from pruner.checkpoint import Checkpoint
from pruner.dtypes import torch_dtype
from pruner.keys import KeyArray, key_bits, magnitude_keys, pruned_key
from pruner.mask import Bools, Bytes, Mask
from pruner.parallel import in_order
from pruner.pieces import in_chunks, pieces
from pruner.reading import chunk_loads
from pruner.sampling import Sample, sample_of_file, sample_of_tensor
from pruner.selection import Load, host

if TYPE_CHECKING:
    import torch

PIECE = 1 << 20
"""Elements of a piece on the CPU: few enough for the cache, enough for a thread to be worth its turn."""
PIECE_ELSEWHERE = 1 << 26

Values = Callable[[], "torch.Tensor"]
"""Gives the values of a piece, one-dimensional, on the device to work on; called once, on any thread."""


def _no_matter(nbytes: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Elements:
    """A tensor's elements by flat index, as a method sees them.

    `read(size)` gives the values in pieces of `size` elements, a multiple of 8 (the last is shorter), each time anew.
    `mask` says which of them earlier rounds left. `sample(count)` gives about so many of them from everywhere without a
    pass over all, None where the tensor does not allow it. `zeros` counts those of all values, where that is known.
    `piece` elements are worked on at a time, by each of `threads`; `passed` is told the bytes of each, and may raise.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    mask: Mask
    read: Callable[[int], Iterator[Values]]
    sample: Callable[[int], Sample | None]
    zeros: int | None = None
    threads: int = 1
    piece: int = PIECE
    passed: Callable[[int], None] = _no_matter

    @property
    def numel(self) -> int:
        """Elements in all."""
        return self.mask.numel

    def left_by(self, mask: Mask) -> Elements:
        """The same elements after other rounds."""
        return replace(self, mask=mask)

    def pieces(self) -> Iterator[tuple[int, Values]]:
        """The index of each piece's first element, and its values."""
        return zip(range(0, self.numel, self.piece), self.read(self.piece), strict=True)

    def magnitudes(self, dtype: torch.dtype) -> Iterator[Load]:
        """The pieces as keys of magnitudes in `dtype`; what earlier rounds pruned has the `pruned_key`."""
        pruned = pruned_key(key_bits(dtype))
        for start, values in self.pieces():
            yield partial(_magnitudes, values, dtype, self.mask, start, pruned)

    def sampled_magnitudes(self, count: int, dtype: torch.dtype) -> Sampled | None:
        """Keys in `dtype` of about `count` elements that are left; None where a sample takes a pass over all."""
        found = self.sample(min(count * self.numel // max(self.mask.kept, 1), 8 * count))
        return None if found is None else found.keys(host(magnitude_keys(found.values.to(dtype))), self.mask)


def elements_of(
    checkpoint: Checkpoint,
    name: str,
    mask: Mask | None = None,
    *,
    threads: int = 1,
    passed: Callable[[int], None] = _no_matter,
) -> Elements:
    """A checkpoint's tensor on the CPU; `passed` is told the bytes of each piece when the next one is asked for."""
    info = checkpoint[name]

    def read(size: int) -> Iterator[Values]:
        for start, load in zip(range(0, info.numel, size), chunk_loads(info, size), strict=True):
            yield load
            checkpoint.require_current(info)
            passed(info.dtype_info.nbytes(min(size, info.numel - start)))

    return Elements(
        name,
        info.shape,
        torch_dtype(info.dtype),
        mask or Mask.ones(info.shape),
        read,
        lambda count: sample_of_file(info, count),
        threads=threads,
        passed=passed,
    )


def elements_in(tensor: torch.Tensor, mask: Mask | None = None, *, name: str = "", threads: int = 1) -> Elements:
    """A tensor in memory, of any strides, on the device where it is."""
    values = tensor.detach().resolve_conj().resolve_neg()
    shape = tuple(values.shape)

    def read(size: int) -> Iterator[Values]:
        runs = (part.reshape(-1) for (part,) in pieces(size, values) if part.numel())
        for part in runs if values.is_contiguous() else in_chunks(runs, size):
            yield partial(_the, part)

    return Elements(
        name,
        shape,
        values.dtype,
        mask or Mask.ones(shape),
        read,
        lambda count: sample_of_tensor(values, count),
        threads=threads if values.is_cpu else 1,
        piece=PIECE if values.is_cpu else PIECE_ELSEWHERE,
    )


def _the(values: torch.Tensor) -> torch.Tensor:
    return values


def mask_by(elements: Elements, flags_of: Callable[[int, Values], Bools]) -> Mask:
    """One bit an element, as a function of each piece's first index and values says; its threads are the elements'."""
    bits = np.empty_like(elements.mask.bits)
    place = 0

    def packed(piece: tuple[int, Values]) -> Bytes:
        return np.packbits(flags_of(*piece), bitorder="little")

    for part in in_order(packed, elements.pieces(), elements.threads):
        bits[place : place + len(part)] = part
        place += len(part)
    return Mask(elements.shape, bits)


class OtherNumbersError(ValueError):
    """Among the numbers of a mask are others than 0 and 1."""


def mask_in(elements: Elements) -> Mask:
    """The mask whose numbers, 0 and 1 of any dtype, these are; raises `OtherNumbersError` where there are others."""

    def flags(_: int, values: Values) -> Bools:
        given = values()
        ones = given == 1
        if not bool((ones | (given == 0)).all()):
            raise OtherNumbersError(elements.name)
        kept: Bools = ones.cpu().numpy()
        return kept

    return mask_by(elements, flags)


def without_pruned(keys: KeyArray | torch.Tensor, mask: Mask, start: int, pruned: int) -> KeyArray | torch.Tensor:
    """The keys from element `start` on, those that the mask has pruned set to the key `pruned`."""
    if mask.pruned == 0:
        return keys
    gone = ~mask.chunk(start, start + len(keys))
    if isinstance(keys, np.ndarray):
        np.copyto(keys, pruned, where=gone)
        return keys
    import torch

    return keys.masked_fill_(torch.from_numpy(gone).to(keys.device), pruned)


def _magnitudes(values: Values, dtype: torch.dtype, mask: Mask, start: int, pruned: int) -> KeyArray | torch.Tensor:
    return without_pruned(magnitude_keys(values().to(dtype)), mask, start, pruned)
