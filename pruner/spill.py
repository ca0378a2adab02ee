"""Masks that do not fit into the memory that they may take: kept in a temporary file, without a name, mapped."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Sequence

import numpy as np

from pruner.errors import PrunerError
from pruner.mask import Bytes, Mask


class MaskFile:
    """Room for masks of so many bytes in all, on the disk where temporary files lie.

    What was written leaves the process's memory; looking at a mask brings it back, until `release`. The file goes with
    the last mask. Raises `PrunerError` where the disk has no room.
    """

    def __init__(self, nbytes: int, count: int) -> None:
        size = nbytes + count * mmap.PAGESIZE
        try:
            with tempfile.TemporaryFile() as file:
                reserve(file.fileno(), size)
                self._map = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise PrunerError(
                f"{tempfile.gettempdir()}: there is no room for masks of {size} bytes ({error.strerror}). Free some, "
                "name another folder in the environment variable TMPDIR, or allow more memory."
            ) from error
        self._used = 0

    def put(self, mask: Mask) -> Mask:
        """The same mask, kept in the file."""
        length = len(mask.bits)
        bits: Bytes = np.frombuffer(self._map, np.uint8, length, self._used)
        bits[:] = mask.bits
        self._used += -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
        moved = Mask(mask.shape, bits)
        vars(moved)["kept"] = mask.kept  # counted while it is here
        release(moved)
        return moved


def room_for(sizes: Sequence[int], memory: int) -> Callable[[Mask], Mask]:
    """Where masks of so many elements are kept: a file where they would take more than half of `memory` bytes."""
    nbytes = sum(size // 8 + 1 for size in sizes)
    return MaskFile(nbytes, len(sizes)).put if nbytes > memory // 2 else lambda mask: mask


def reserve(file: int, size: int) -> None:
    """Make the file so large; writing to a map of what the disk has no room for would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.truncate(file, size)


def release(mask: Mask) -> None:
    """Let a mask that a file keeps leave the process's memory; it comes back when it is looked at."""
    base = mask.bits.base
    owner = base.obj if isinstance(base, memoryview) else None
    if not isinstance(owner, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED") or not len(mask.bits):
        return
    first = mask.bits.ctypes.data - np.frombuffer(owner, np.uint8).ctypes.data
    owner.madvise(mmap.MADV_DONTNEED, first, -(-len(mask.bits) // mmap.PAGESIZE) * mmap.PAGESIZE)
