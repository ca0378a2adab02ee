"""Numbers out of files: a tensor, or a chunk of one, when something needs them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pruner.checkpoint import Storage, TensorInfo
from pruner.dtypes import torch_dtype
from pruner.errors import PrunerError
from pruner.mask import Bytes

if TYPE_CHECKING:
    import torch

_INFLATE_STEP = 1 << 20
_MOST_EXPANDED = 1 << 32


def read_tensor(info: TensorInfo) -> torch.Tensor:
    """The whole tensor on the CPU, with the file's dtype, shape and strides (contiguous where it overlaps itself).

    Raises `PrunerError` where the file cannot be read or this torch lacks the dtype.
    """
    import torch

    dtype = torch_dtype(info.dtype)
    if info.overlapping and info.nbytes > _MOST_EXPANDED:
        raise PrunerError(
            f"{info.storage.file}: “{info.name}” is {info.numel} elements expanded from a few; it is not spread out."
        )
    if info.numel == 0:
        return torch.empty(info.shape, dtype=dtype)
    first, length = info.span
    flat = torch.from_numpy(read_bytes(info.storage, first, length)).view(dtype)
    view = flat.as_strided(info.shape, info.stride)
    return view if length == info.nbytes and not info.overlapping else view.clone(memory_format=torch.contiguous_format)


def read_chunks(info: TensorInfo, elements: int) -> Iterator[torch.Tensor]:
    """The elements by flat index, in one-dimensional tensors of at most `elements`, on the CPU.

    Only contiguous tensors are read chunk by chunk; others are read whole. Raises as `read_tensor` does.
    """
    if not info.contiguous or info.storage.deflated is not None:
        flat = read_tensor(info).reshape(-1)
        for start in range(0, info.numel, elements):
            yield flat[start : start + elements]
        return
    import torch

    dtype = torch_dtype(info.dtype)
    itemsize = info.dtype_info.itemsize
    first, _ = info.span
    for start in range(0, info.numel, elements):
        count = min(elements, info.numel - start)
        raw = read_bytes(info.storage, first + start * itemsize, count * itemsize)
        yield torch.from_numpy(raw).view(dtype)


def read_bytes(storage: Storage, first: int, length: int) -> Bytes:
    """`length` bytes of a storage from its byte `first` on, as a writable uint8 array; raises `PrunerError`."""
    if first < 0 or length < 0 or first + length > storage.nbytes:
        raise PrunerError(f"{storage.file}: a tensor reaches beyond its storage. The file is damaged.")
    if length == 0:
        return np.empty(0, dtype=np.uint8)
    try:
        with storage.file.open("rb") as file:
            if storage.deflated is not None:
                return _inflate(file, storage, first, length)
            file.seek(storage.offset + first)
            data = np.empty(length, dtype=np.uint8)
            if file.readinto(data.data) != length:
                raise PrunerError(f"{storage.file}: the file ends early. It is cut off or has changed.")
            return data
    except MemoryError as error:
        raise PrunerError(f"{storage.file}: {length} bytes of it do not fit into memory.") from error
    except OSError as error:
        raise PrunerError(f"{storage.file}: cannot be read ({error.strerror or error}).") from error


def _inflate(file: BinaryIO, storage: Storage, first: int, length: int) -> Bytes:
    """The bytes of a deflated storage; what is unpacked is bounded by the size that was checked at opening."""
    assert storage.deflated is not None
    file.seek(storage.offset)
    packed_left = storage.deflated
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    data = bytearray()
    skip = first
    pending = b""
    try:
        while len(data) < length and not stream.eof:
            if not pending:
                pending = file.read(min(_INFLATE_STEP, packed_left))
                packed_left -= len(pending)
                if not pending:
                    break
            unpacked = stream.decompress(pending, _INFLATE_STEP)
            pending = stream.unconsumed_tail
            data += unpacked[skip:]
            skip -= min(skip, len(unpacked))
    except zlib.error as error:
        raise PrunerError(f"{storage.file}: packed data is damaged ({error}).") from error
    if len(data) < length:
        raise PrunerError(f"{storage.file}: packed data ends early. The file is damaged.")
    return np.frombuffer(data, dtype=np.uint8)[:length]
