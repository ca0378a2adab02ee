"""The header of NumPy's array files (numpy/lib/format.py): what type and shape the numbers behind it have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.lib import format as npy

from pruner.checkpoint import MOST_DIMENSIONS, MOST_ELEMENTS, contiguous_stride
from pruner.errors import PrunerError

if TYPE_CHECKING:
    from collections.abc import Callable

_DTYPES = {
    "f8": "float64",
    "f4": "float32",
    "f2": "float16",
    "i8": "int64",
    "i4": "int32",
    "i2": "int16",
    "i1": "int8",
    "u8": "uint64",
    "u4": "uint32",
    "u2": "uint16",
    "u1": "uint8",
    "b1": "bool",
    "c8": "complex64",
    "c16": "complex128",
}
_MAX_HEADER = 10_000
MAX_HEADER_BYTES = _MAX_HEADER + 16
MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """An array's element type (as torch names it), its shape, its strides in elements, and its header's bytes."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    nbytes: int


def read_header(file: BinaryIO) -> ArrayHeader:
    """The header that the file is at; nothing in it is run: NumPy reads it as a literal of at most 10,000 characters.

    Raises `PrunerError` that says what is wrong, without the file's name.
    """
    begin = file.tell()
    try:
        version = npy.read_magic(file)
        read: Callable[..., tuple[tuple[int, ...], bool, np.dtype[np.void]]] = (
            npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        )
        shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    except OSError:
        raise
    except Exception as error:  # what NumPy's parser stumbles over comes as whatever Python's own parsers raise
        raise PrunerError("its header is damaged, or of a version of NumPy that is not known") from error
    if len(shape) > MOST_DIMENSIONS or not all(type(size) is int and 0 <= size <= MOST_ELEMENTS for size in shape):
        raise PrunerError("its shape is none that NumPy makes")
    stride = contiguous_stride(shape)
    if fortran:
        stride = tuple(reversed(contiguous_stride(tuple(reversed(shape)))))
    return ArrayHeader(_dtype_name(dtype), shape, stride, file.tell() - begin)


def _dtype_name(dtype: np.dtype[np.void]) -> str:
    if dtype.hasobject:
        raise PrunerError("it holds Python objects as a pickle, which is not opened, since loading it can run code")
    if dtype.byteorder == ">":
        raise PrunerError("it was saved with the most significant byte first; convert it with astype in NumPy")
    name = _DTYPES.get(dtype.str[1:])
    if name is None:
        raise PrunerError(f"it is of the type {dtype}, which torch does not have")
    return name
