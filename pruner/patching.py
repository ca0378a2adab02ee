"""Copies of files in which the pruned elements are zero and every other byte stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pruner.checkpoint import Checkpoint, Storage, TensorInfo, contiguous_stride
from pruner.errors import PrunerError
from pruner.mask import Bytes, Mask
from pruner.progress import Meter
from pruner.spill import release

_CHUNK_BYTES = 1 << 20
_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.uint64}

Read = Callable[[int], Bytes]
"""Gives the next bytes of a stream, exactly so many."""


@dataclass(frozen=True, eq=False)
class Region:
    """The run of bytes that holds the elements of a pruned tensor.

    `begin` is its first byte in the tensor's unpacked storage; `slots` counts the places for elements in it, gaps
    between strided elements included.
    """

    info: TensorInfo
    mask: Mask

    @property
    def begin(self) -> int:
        """The first byte, in the storage."""
        return self.info.span[0]

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.info.dtype_info.itemsize

    @property
    def slots(self) -> int:
        """Places for elements in the run."""
        return self.info.span[1] // self.itemsize

    def kept(self, start: int, stop: int) -> Bytes:
        """1 for what stays and 0 for what is pruned, of the places `start` (a multiple of 8) to `stop`."""
        if self.info.contiguous:
            return self.mask.chunk(start, stop).view(np.uint8)
        left = np.arange(start, stop)
        flat = np.zeros(stop - start, dtype=np.int64)
        inside = np.ones(stop - start, dtype=np.bool_)
        dimensions = zip(self.info.stride, self.info.shape, contiguous_stride(self.info.shape), strict=True)
        for stride, size, step in sorted(dimensions, reverse=True):
            if size > 1:
                index, left = np.divmod(left, stride)
                inside &= index < size
                flat += index * step
        inside &= left == 0
        kept = np.ones(stop - start, dtype=np.uint8)
        chosen = flat[inside]
        kept[inside] = (self.mask.bits[chosen >> 3] >> (chosen & 7).astype(np.uint8)) & 1
        return kept


def regions_by_storage(checkpoint: Checkpoint, masks: Mapping[str, Mask]) -> dict[Storage, list[Region]]:
    """What is to be zeroed in which storage, in the order of the bytes; tensors that are the same memory count once."""
    found: dict[Storage, dict[int, Region]] = {}
    for name, mask in masks.items():
        region = Region(checkpoint[name], mask)
        if region.slots:
            found.setdefault(checkpoint[name].storage, {}).setdefault(region.begin, region)
    return {storage: [regions[begin] for begin in sorted(regions)] for storage, regions in found.items()}


def zeroed(read: Read, length: int, regions: Sequence[Region]) -> Iterator[tuple[Bytes, Bytes, str]]:
    """A storage of `length` bytes, piece by piece: as it was, with pruned elements zero, and which tensor it is of.

    A piece is good until the next one is asked for. Zero bytes are `+0.0`, or 0, in every prunable type; a
    multiplication of the bits by 0 or 1 makes them, whatever stood there.
    """
    position = 0
    longest = max((region.slots * region.itemsize for region in regions), default=0)
    room = np.empty(min(longest, _CHUNK_BYTES), dtype=np.uint8)
    for region in regions:
        yield from ((piece, piece, "") for piece in _pieces(read, region.begin - position))
        step = _CHUNK_BYTES // region.itemsize // 8 * 8
        for start in range(0, region.slots, step):
            stop = min(start + step, region.slots)
            before = read((stop - start) * region.itemsize)
            after = room[: len(before)]
            _multiply(before, region.kept(start, stop), region.itemsize, after)
            yield before, after, region.info.name
        release(region.mask)
        position = region.begin + region.slots * region.itemsize
    yield from ((piece, piece, "") for piece in _pieces(read, length - position))


def copy_zeroed(source: Path, target: Path, storages: Mapping[Storage, Sequence[Region]], meter: Meter) -> None:
    """Copy a file to a new name, with pruned elements zero; the storages are those in this file, none of them packed.

    Raises `OSError` as files do, and `PrunerError` where the source ends early.
    """
    with Copying(source, target, meter) as copying:
        for storage in sorted(storages, key=lambda one: one.offset):
            copying.copy_to(storage.offset)
            for _, after, what in zeroed(copying.read, storage.nbytes, storages[storage]):
                copying.write(after, what)
        copying.copy_to(None)


class Copying:
    """A file that is copied from its beginning to its end, here and there with changes."""

    def __init__(self, source: Path, target: Path, meter: Meter) -> None:
        self._target = target.open("xb", buffering=0)  # what can be refused comes first
        self._source = source.open("rb", buffering=0)
        self._meter = meter
        self._what = source.name
        self._room = np.empty(_CHUNK_BYTES, dtype=np.uint8)

    def __enter__(self) -> Copying:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._target.close()

    def read(self, length: int) -> Bytes:
        """The next bytes of the source, good until the next call."""
        data = self._room[:length] if length <= len(self._room) else np.empty(length, dtype=np.uint8)
        if self._source.readinto(data.data) != length:
            raise self._ends_early()
        return data

    def write(self, data: Bytes, what: str = "") -> None:
        """The next bytes of the copy."""
        left = data.data
        while left:
            left = left[self._target.write(left) :]
        self._meter.step(len(data), what or self._what)

    def copy_to(self, offset: int | None) -> None:
        """Copy what comes before the byte `offset` of the source, or all that is left."""
        while True:
            wanted = _CHUNK_BYTES if offset is None else min(_CHUNK_BYTES, offset - self._source.tell())
            data = self._room[:wanted]
            length = self._source.readinto(data.data)
            if not length:
                break
            self.write(data[:length])
        if offset is not None and self._source.tell() != offset:
            raise self._ends_early()

    def _ends_early(self) -> PrunerError:
        return PrunerError(f"{self._source.name}: the file ends early. It is cut off or has changed.")


def _pieces(read: Read, length: int) -> Iterator[Bytes]:
    for start in range(0, length, _CHUNK_BYTES):
        yield read(min(_CHUNK_BYTES, length - start))


def _multiply(data: Bytes, kept: Bytes, itemsize: int, result: Bytes) -> None:
    word = _WORDS[itemsize]
    factors = np.repeat(kept, 2) if itemsize == 16 else kept
    np.multiply(data.view(word), factors, out=result.view(word))
