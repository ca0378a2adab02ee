"""Chunks of a tensor whose elements lie in another order in the file, without reading it whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pruner.checkpoint import TensorInfo
from pruner.dtypes import torch_dtype
from pruner.errors import PrunerError
from pruner.mask import Bytes
from pruner.pieces import in_chunks

if TYPE_CHECKING:
    import torch

_NEAR = 1 << 16
"""Bytes that are read at once however few of them are needed: a read costs more than they do."""
_MOST_GAPS = 4
"""How many times its own bytes a block may span in the file to be read at once, gaps included."""

ReadAt = Callable[[int, int], Bytes]


def strided_chunks(info: TensorInfo, elements: int) -> Iterator[torch.Tensor]:
    """The elements by flat index, in one-dimensional tensors of `elements` on the CPU, the last one of what is left.

    Raises `PrunerError` where the file ends early, and `OSError` as files do.
    """
    storage = info.storage
    with storage.file.open("rb", buffering=0) as file:

        def read_at(first: int, length: int) -> Bytes:
            data = np.empty(length, dtype=np.uint8)
            file.seek(storage.offset + first)
            if first + length > storage.nbytes or file.readinto(data.data) != length:
                raise PrunerError(f"{storage.file}: “{info.name}” reaches beyond the file. It is cut off or damaged.")
            return data

        yield from in_chunks((_read(block, read_at).reshape(-1) for block in _blocks(info, elements)), elements)


def _blocks(info: TensorInfo, elements: int) -> Iterator[TensorInfo]:
    """The tensor in blocks of at most so many elements, in the order of the flat index."""
    if info.numel <= elements:
        yield info
        return
    rows, step = info.shape[0], info.stride[0]
    each = math.prod(info.shape[1:])
    at_once = max(elements // each, 1)
    for start in range(0, rows, at_once):
        count = min(at_once, rows - start)
        offset = info.storage_offset + start * step
        if each > elements:
            yield from _blocks(
                replace(info, shape=info.shape[1:], stride=info.stride[1:], storage_offset=offset), elements
            )
        else:
            yield replace(info, shape=(count, *info.shape[1:]), storage_offset=offset)


def _read(info: TensorInfo, read_at: ReadAt) -> torch.Tensor:
    """A block, contiguous; one that is scattered is put together from what lies close together."""
    import torch

    out = torch.empty(info.shape, dtype=torch_dtype(info.dtype))
    _read_into(out, info, read_at)
    return out


def _read_into(out: torch.Tensor, info: TensorInfo, read_at: ReadAt) -> None:
    import torch

    first, length = info.span
    if length <= max(_MOST_GAPS * info.nbytes, _NEAR):
        near = torch.from_numpy(read_at(first, length)).view(out.dtype)
        out.copy_(near.as_strided(info.shape, info.stride))
        return
    dim = max((dim for dim, size in enumerate(info.shape) if size > 1), key=lambda dim: info.stride[dim])
    shape = info.shape[:dim] + info.shape[dim + 1 :]
    stride = info.stride[:dim] + info.stride[dim + 1 :]
    for index in range(info.shape[dim]):
        offset = info.storage_offset + index * info.stride[dim]
        part = replace(info, shape=shape, stride=stride, storage_offset=offset)
        _read_into(out.select(dim, index), part, read_at)
