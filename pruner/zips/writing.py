"""New zip archives, laid out as `torch.save` does (PKWARE's APPNOTE 6.3.10)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from zlib_ng.zlib_ng import crc32

from pruner.parallel import threads_here
from pruner.progress import Meter
from pruner.zips.deflate import BLOCK, deflated, gains
from pruner.zips.directory import DEFLATED, STORED, ZipEntry

Parts = Callable[[], Iterable[memoryview | bytes]]
"""Gives an entry's content, each time from its beginning."""

_ALIGNMENT = 64
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_END64_LOCATOR = struct.Struct("<4sIQI")
_FULL, _MANY = 0xFFFFFFFF, 0xFFFF
_PLAIN, _ZIP64 = 20, 45
_UTF8 = 0x800
_DAY = (1 << 5) | 1
"""The first of January 1980: what is the same is written the same."""


class ZipWriter:
    """Writes an archive entry by entry; stored ones begin at multiples of 64 bytes, as torch's mmap wants them.

    With `deflate` entries are packed wherever that makes them smaller. The archive is whole when the block ends well.
    """

    def __init__(self, target: Path, meter: Meter, *, deflate: bool = False) -> None:
        self._meter = meter
        self._deflate = deflate
        self._file = target.open("xb")
        self._entries: list[ZipEntry] = []

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                self._finish()

    def add(self, name: str, nbytes: int, parts: Parts, what: str, *, packed: bool = False) -> None:
        """Write one entry of `nbytes` bytes; `what` is shown as at hand.

        It is deflated with `packed`, or where the writer does that and it makes the entry smaller: where it does not,
        `parts` are asked for once more.
        """
        self._meter.step(0, what)
        deflate = packed or (self._deflate and nbytes > 0)
        if nbytes <= BLOCK:
            self._entries.append(self._write_small(name, nbytes, parts, what, deflate, packed))
            return
        begun = self._file.tell()
        entry = self._write(name, nbytes, parts, what, DEFLATED) if deflate else None
        if entry is None or not (packed or gains(entry.packed, nbytes)):
            self._file.seek(begun)
            self._file.truncate()
            entry = self._write(name, nbytes, parts, what, STORED, again=entry is not None)
        self._entries.append(entry)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Write an entry that is in memory."""
        self.add(name, len(content), lambda: [content], name)

    def _write_small(self, name: str, nbytes: int, parts: Parts, what: str, deflate: bool, packed: bool) -> ZipEntry:
        """Write an entry that is made in memory; seeking back and forth for it would take longer than all else."""
        content = b"".join(parts())
        method, data = STORED, content
        if deflate and (gains(len(smaller := b"".join(deflated([content], 1))), nbytes) or packed):
            method, data = DEFLATED, smaller
        begun = self._file.tell()
        entry = ZipEntry(name, method, crc32(content), len(data), nbytes, begun, 0, begun, False)
        self._file.write(_local(entry, begun))
        self._file.write(data)
        self._meter.step(nbytes, what)
        return entry

    def _write(self, name: str, nbytes: int, parts: Parts, what: str, method: int, *, again: bool = False) -> ZipEntry:
        begun = self._file.tell()
        entry = ZipEntry(name, method, 0, nbytes, nbytes, begun, 0, begun, False)
        self._file.write(_local(entry, begun))
        summed = _Summed(parts(), lambda length: self._meter.step(0 if again else length, what))
        for piece in deflated(summed, threads_here()) if method == DEFLATED else summed:
            self._file.write(piece)
        end = self._file.tell()
        packed = end - begun - len(_local(entry, begun))
        entry = entry._replace(crc=summed.checksum, packed=packed)
        self._file.seek(begun)
        self._file.write(_local(entry, begun))
        self._file.seek(end)
        return entry

    def _finish(self) -> None:
        start = self._file.tell()
        for entry in self._entries:
            self._file.write(_central(entry))
        end = self._file.tell()
        count, length = len(self._entries), end - start
        if count >= _MANY or length >= _FULL or start >= _FULL:
            wide = (b"PK\x06\x06", _END64.size - 12, _ZIP64, _ZIP64, 0, 0, count, count, length, start)
            self._file.write(_END64.pack(*wide))
            self._file.write(_END64_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
        few = min(count, _MANY)
        self._file.write(_END.pack(b"PK\x05\x06", 0, 0, few, few, min(length, _FULL), min(start, _FULL), 0))


class _Summed:
    """The parts as they come, added up to a checksum and reported."""

    def __init__(self, parts: Iterable[memoryview | bytes], passed: Callable[[int], None]) -> None:
        self._parts = parts
        self._passed = passed
        self.checksum = 0

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for part in self._parts:
            self.checksum = crc32(part, self.checksum)
            yield part
            self._passed(len(part))


def _wide(entry: ZipEntry) -> bool:
    """Whether its lengths need the zip64 field; deflated it can be a little longer."""
    return entry.size + (entry.size >> 10) + 64 >= _FULL


def _flags(name: str) -> int:
    return 0 if name.isascii() else _UTF8


def _local(entry: ZipEntry, begun: int) -> bytes:
    """The local header; one with other checksum and packed length is as long."""
    name = entry.name.encode()
    extra = b""
    packed, size, version = entry.packed, entry.size, _PLAIN
    if _wide(entry):
        extra = struct.pack("<2H2Q", 1, 16, size, packed)
        packed, size, version = _FULL, _FULL, _ZIP64
    if entry.method == STORED:
        padding = -(begun + _LOCAL.size + len(name) + len(extra) + 4) % _ALIGNMENT
        extra += b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
    head = (b"PK\x03\x04", version, _flags(entry.name), entry.method, 0, _DAY, entry.crc, packed, size)
    return _LOCAL.pack(*head, len(name), len(extra)) + name + extra


def _central(entry: ZipEntry) -> bytes:
    """The record in the central directory."""
    name = entry.name.encode()
    numbers = (entry.size, entry.packed, entry.header)
    long = [number for number in numbers if number >= _FULL]
    extra = struct.pack(f"<2H{len(long)}Q", 1, 8 * len(long), *long) if long else b""
    size, packed, header = (min(number, _FULL) for number in numbers)
    version = _ZIP64 if extra or _wide(entry) else _PLAIN
    head = (b"PK\x01\x02", version, version, _flags(entry.name), entry.method, 0, _DAY, entry.crc, packed, size)
    return _CENTRAL.pack(*head, len(name), len(extra), 0, 0, 0, 0, header) + name + extra
