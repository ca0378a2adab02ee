"""The numbers and the mask's bits of a box of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import TensorInfo
from pruner.mask import Bools, Mask
from pruner.pyramid.area import Box
from pruner.reading import read_chunks

if TYPE_CHECKING:
    import torch

_SHORT_RUN = 64
"""Elements beside each other below which bits are picked one by one."""


def numbers_of(info: TensorInfo, box: Box, convert: Callable[[torch.Tensor], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The elements of a box, converted, as an array of its sizes; raises `PrunerError` as reading does."""
    if info.pieces:
        return _picked(info, box, convert).reshape(box.sizes)
    offset = sum(start * step for start, step in zip(box.starts, info.stride, strict=True))
    part = replace(info, shape=box.sizes, storage_offset=info.storage_offset + offset)
    chunks = (convert(chunk) for chunk in read_chunks(part, max(box.numel, 1)))
    return next(chunks, np.empty(0, np.float32)).reshape(box.sizes)


def bits_of(mask: Mask, box: Box) -> Bools:
    """Which elements of a box are kept, as bools of its sizes."""
    starts, sizes = _merged(mask.shape, box)
    if len(sizes) > 2 or sizes[-1] < min(_SHORT_RUN, box.numel):
        flat = flat_indices(mask.shape, box)
        bits: Bools = (mask.bits[flat >> 3] >> (flat & 7).astype(np.uint8) & 1).view(np.bool_)
        return bits.reshape(box.sizes)
    return _runs(mask, starts, sizes).reshape(box.sizes)


def flat_indices(shape: tuple[int, ...], box: Box) -> npt.NDArray[np.int64]:
    """The flat indices of a box's elements, rising, int64 of one dimension."""
    flat = np.zeros(1, np.int64)
    for size, start, count in zip(shape, box.starts, box.sizes, strict=True):
        flat = np.add.outer(flat * size, np.arange(start, start + count)).reshape(-1)
    return flat


def _merged(shape: tuple[int, ...], box: Box) -> tuple[list[tuple[int, int]], list[int]]:
    """The box in as few dimensions as say the same: of each the (start, step) in flat elements, and its size."""
    step = 1
    places: list[tuple[int, int]] = []
    sizes: list[int] = []
    for size, start, count in reversed([*zip(shape, box.starts, box.sizes, strict=True)]):
        whole_below = bool(sizes) and sizes[-1] * places[-1][1] == step
        if whole_below or (sizes and count == 1):
            first, each = places[-1]
            places[-1], sizes[-1] = (first + start * step, each), sizes[-1] * count
        else:
            places.append((start * step, step))
            sizes.append(count)
        step *= size
    return places[::-1] or [(0, 1)], sizes[::-1] or [1]


def _runs(mask: Mask, places: list[tuple[int, int]], sizes: list[int]) -> Bools:
    """The bits of runs of one length, a step apart."""
    length = sizes[-1]
    count, step = (sizes[0], places[0][1]) if len(sizes) == 2 else (1, length)
    start = sum(first for first, _ in places)
    if count > 1 and step % 8 == 0 and mask.numel % step == 0:
        first = start // 8 - start // step * step // 8
        rows = mask.bits.reshape(-1, step // 8)[start // step : start // step + count]
        bytes_ = rows[:, first : (start % step + length + 7) // 8]
        bits = np.unpackbits(bytes_, axis=1, bitorder="little")[:, start % 8 : start % 8 + length]
        return np.ascontiguousarray(bits).view(np.bool_)
    out = np.empty((count, length), np.bool_)
    for run in range(count):
        lower = start + run * step
        out[run] = mask.chunk(lower - lower % 8, lower + length)[lower % 8 :]
    return out


def _picked(info: TensorInfo, box: Box, convert: Callable[[torch.Tensor], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Elements out of the whole tensor, chunk by chunk, where it is put together from pieces."""
    flat = flat_indices(info.shape, box)
    found = []
    at = done = 0
    for chunk in read_chunks(info, 1 << 20):
        upto = int(np.searchsorted(flat, at + chunk.numel()))
        if upto > done:
            found.append(convert(chunk)[flat[done:upto] - at])
        at, done = at + chunk.numel(), upto
        if done == len(flat):
            break
    return np.concatenate(found) if found else np.empty(0, np.float32)
