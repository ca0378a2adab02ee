"""Pruned elements zeroed in a copy of their file; every other byte stays."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from pruner.checkpoint import TensorInfo
from pruner.errors import PrunerError
from pruner.mask import Bytes, Mask
from pruner.progress import Meter

_CHUNK = 1 << 20


def zero_pruned(file: BinaryIO, info: TensorInfo, mask: Mask, meter: Meter) -> None:
    """Write zero bytes over the elements of `info` that `mask` prunes, in a file laid out as the tensor's own.

    Zero bytes are `+0.0`, or 0, in every prunable type. Raises `PrunerError` for a storage that the file packs.
    """
    if info.storage.deflated is not None:
        raise PrunerError(
            f"{info.storage.file}: “{info.name}” is packed in the file and cannot be patched in place. "
            "Save as .safetensors instead."
        )
    first, length = info.span
    begin = info.storage.offset + first
    if not info.contiguous:
        raw = _read(file, begin, length)
        _elements(raw, info)[~mask.to_bools()] = 0
        _write(file, begin, raw)
        meter.step(info.nbytes, info.name)
        return
    itemsize = info.dtype_info.itemsize
    for start in range(0, info.numel, _CHUNK):
        stop = min(start + _CHUNK, info.numel)
        pruned = ~mask.chunk(start, stop)
        if pruned.any():
            raw = _read(file, begin + start * itemsize, (stop - start) * itemsize)
            raw.reshape(stop - start, itemsize)[pruned] = 0
            _write(file, begin + start * itemsize, raw)
        meter.step((stop - start) * itemsize, info.name)


def _elements(raw: Bytes, info: TensorInfo) -> Bytes:
    """The bytes of a strided tensor's span, seen with its shape and one more dimension for an element's bytes."""
    itemsize = info.dtype_info.itemsize
    strides = (*(stride * itemsize for stride in info.stride), 1)
    return np.lib.stride_tricks.as_strided(raw, (*info.shape, itemsize), strides)


def _read(file: BinaryIO, offset: int, length: int) -> Bytes:
    file.seek(offset)
    return np.frombuffer(bytearray(file.read(length)), dtype=np.uint8)


def _write(file: BinaryIO, offset: int, raw: Bytes) -> None:
    file.seek(offset)
    file.write(raw.data)
