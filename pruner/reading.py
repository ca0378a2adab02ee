"""Numbers out of files: a tensor, or a chunk of one, when something needs them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pruner.checkpoint import Storage, TensorInfo
from pruner.dtypes import torch_dtype
from pruner.errors import PrunerError
from pruner.mask import Bytes
from pruner.strided import strided_chunks

if TYPE_CHECKING:
    import torch

_INFLATE_STEP = 1 << 20
_WHOLE = 1 << 26
"""Bytes of a tensor that is not contiguous which are read at once."""
_MOST_EXPANDED = 1 << 32
_WHY_UNREADABLE = {
    "sparse": "it is stored sparsely",
    "meta": "the file has its shape but no numbers for it (device meta)",
    "wrapper": "a class of its own wraps it",
    "nested": "it is nested of parts of several sizes",
}


def why_unreadable(info: TensorInfo) -> str:
    """Why a tensor's elements cannot be read, in a sentence."""
    what = _WHY_UNREADABLE.get(info.layout, f"{info.dtype} packs several numbers into a byte")
    return f"{what}; it is kept as it is."


def read_tensor(info: TensorInfo) -> torch.Tensor:
    """The whole tensor on the CPU, with the file's dtype, shape and strides (contiguous where it overlaps itself).

    Raises `PrunerError` where the file cannot be read, the tensor is not strided or this torch lacks the dtype.
    """
    import torch

    if info.layout != "strided":
        raise PrunerError(f"{info.storage.file}: “{info.name}” cannot be read: {why_unreadable(info)}")
    dtype = torch_dtype(info.dtype)
    if info.overlapping and info.nbytes > _MOST_EXPANDED:
        raise PrunerError(
            f"{info.storage.file}: “{info.name}” is {info.numel} elements expanded from a few; it is not spread out."
        )
    if info.numel == 0:
        return torch.empty(info.shape, dtype=dtype)
    if info.pieces:
        from pruner.distributed.pieces import put_together

        return put_together(info)
    first, length = info.span
    flat = torch.from_numpy(read_bytes(info.storage, first, length)).view(dtype)
    view = flat.as_strided(info.shape, info.stride)
    return view if length == info.nbytes and not info.overlapping else view.clone(memory_format=torch.contiguous_format)


def read_chunks(info: TensorInfo, elements: int) -> Iterator[torch.Tensor]:
    """The elements by flat index, in one-dimensional tensors of at most `elements`, on the CPU.

    Small tensors that are not contiguous, and those in packed storages, are read whole. Raises as `read_tensor` does.
    """
    if info.pieces:
        from pruner.distributed.pieces import chunks_of_pieces

        yield from chunks_of_pieces(info, elements)
        return
    if _is_scattered(info):
        with _told_of(info.storage):
            yield from strided_chunks(info, elements)
        return
    if not info.contiguous or not info.readable:
        flat = read_tensor(info).reshape(-1)
        for start in range(0, info.numel, elements):
            yield flat[start : start + elements]
        return
    import torch

    dtype = torch_dtype(info.dtype)
    itemsize = info.dtype_info.itemsize
    with unpacked(info.storage, info.span[0]) as read:
        for start in range(0, info.numel, elements):
            yield torch.from_numpy(read(min(elements, info.numel - start) * itemsize)).view(dtype)


def _is_scattered(info: TensorInfo) -> bool:
    """Whether the elements are in another order in the file, and too many to be read at once."""
    plain = info.readable and not info.overlapping and info.storage.deflated is None
    return plain and not info.contiguous and info.span[1] > _WHOLE


def chunk_loads(info: TensorInfo, elements: int) -> Iterator[Callable[[], torch.Tensor]]:
    """Functions that give the chunks of `read_chunks`, in its order; each may be called once, on any thread.

    Where chunks lie in the file as they are, the function reads; elsewhere they are read as the iterator goes on.
    """
    if not info.contiguous or not info.readable or info.storage.deflated is not None or info.pieces:
        for chunk in read_chunks(info, elements):
            yield partial(_the, chunk)
        return
    dtype = torch_dtype(info.dtype)
    itemsize = info.dtype_info.itemsize
    for start in range(0, info.numel, elements):
        length = min(elements, info.numel - start)
        yield partial(_load, info.storage, info.span[0] + start * itemsize, length * itemsize, dtype)


def _the(chunk: torch.Tensor) -> torch.Tensor:
    return chunk


def _load(storage: Storage, first: int, length: int, dtype: torch.dtype) -> torch.Tensor:
    import torch

    return torch.from_numpy(read_bytes(storage, first, length)).view(dtype)


def read_bytes(storage: Storage, first: int, length: int) -> Bytes:
    """`length` bytes of a storage from its byte `first` on, as a writable uint8 array; raises `PrunerError`."""
    if first < 0 or length < 0 or first + length > storage.nbytes:
        raise PrunerError(f"{storage.file}: a tensor reaches beyond its storage. The file is damaged.")
    if length == 0:
        return np.empty(0, dtype=np.uint8)
    with unpacked(storage, first) as read:
        return read(length)


@contextmanager
def unpacked(storage: Storage, first: int = 0) -> Iterator[Callable[[int], Bytes]]:
    """A function that gives the next so many bytes of a storage, unpacked, from its byte `first` on.

    They come as writable uint8 arrays. Raises `PrunerError` where the file ends early, is damaged or cannot be read.
    """
    with _told_of(storage), storage.file.open("rb") as file:
        yield _Inflating(file, storage, first).read if storage.deflated is not None else _stored(file, storage, first)


@contextmanager
def _told_of(storage: Storage) -> Iterator[None]:
    """Faults in a file's bytes as `PrunerError`, with its name."""
    try:
        yield
    except MemoryError as error:
        raise PrunerError(f"{storage.file}: {storage.nbytes} bytes of it do not fit into memory.") from error
    except zlib.error as error:
        raise PrunerError(f"{storage.file}: packed data is damaged ({error}).") from error
    except OSError as error:
        raise PrunerError(f"{storage.file}: cannot be read ({error.strerror or error}).") from error


def _stored(file: BinaryIO, storage: Storage, first: int) -> Callable[[int], Bytes]:
    file.seek(storage.offset + first)

    def read(length: int) -> Bytes:
        data = np.empty(length, dtype=np.uint8)
        if file.readinto(data.data) != length:  # type: ignore[attr-defined]
            raise PrunerError(f"{storage.file}: the file ends early. It is cut off or has changed.")
        return data

    return read


class _Inflating:
    """Unpacks a deflated storage from its beginning on; what it holds at a time is about a step."""

    def __init__(self, file: BinaryIO, storage: Storage, first: int) -> None:
        assert storage.deflated is not None
        file.seek(storage.offset)
        self._file = file
        self._storage = storage
        self._left = storage.deflated
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed = b""
        while first:
            first -= len(self.read(min(first, _INFLATE_STEP)))

    def read(self, length: int) -> Bytes:
        data = np.empty(length, dtype=np.uint8)
        filled = 0
        while filled < length:
            step = self._step(length - filled)
            data[filled : filled + len(step)] = np.frombuffer(step, dtype=np.uint8)
            filled += len(step)
        return data

    def _step(self, most: int) -> bytes:
        """Some of the next bytes, at least one."""
        while True:
            if not self._packed:
                self._packed = self._file.read(min(_INFLATE_STEP, self._left))
                self._left -= len(self._packed)
            at_end = not self._packed
            step = self._stream.decompress(self._packed, min(most, _INFLATE_STEP))
            self._packed = self._stream.unconsumed_tail
            if step:
                return step
            if at_end or self._stream.eof:
                raise PrunerError(f"{self._storage.file}: packed data ends early. The file is damaged.")
