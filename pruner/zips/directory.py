"""A zip file's entries and where their bytes lie, read from its central directory (PKWARE's APPNOTE 6.3.10).

Entries' names are never used as paths. Sizes and places are checked against the file before anything is read.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from io import FileIO
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from pruner.errors import PrunerError, damaged

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s22x2H")
_ENCRYPTED, _DESCRIPTOR = 0x1, 0x8
_MAX_DIRECTORY = 1 << 28
_FULL = 0xFFFFFFFF
"""A size or a place that does not fit its field and stands in the zip64 field instead."""


class ZipEntry(NamedTuple):
    """One entry: `offset` is its data's first byte, `size` the unpacked and `packed` the stored length in bytes.

    `record` and `header` are where its record in the central directory and its local header begin; `described` says
    that its checksum stands in a descriptor behind the data instead of in the local header. Places are those in the
    file, also where the archive is only a part of it.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    record: int
    header: int
    described: bool


def read_entries(path: Path, start: int = 0, length: int | None = None) -> Mapping[str, ZipEntry]:
    """The entries of a zip file by name, in the order of its directory.

    `start` and `length` say which bytes of the file are the archive, all of them as a rule. Raises `PrunerError` for a
    file that is cut off or damaged, and for duplicate names; `OSError` as `open` does.
    """
    if start == 0 and length is None:
        status = path.stat()
        return _read_whole(path, status.st_size, status.st_mtime_ns)
    with _opened(path, start, length) as reader:
        return reader.entries()


def zip_names(path: Path, head: bytes) -> Collection[str]:
    """The names of a file's entries; none where it is no sound zip archive (`head` is how it begins)."""
    if not head.startswith(b"PK\x03\x04"):
        return ()
    try:
        return read_entries(path).keys()
    except PrunerError:
        return ()


@lru_cache(maxsize=1)
def _read_whole(path: Path, _size: int, _changed: int) -> Mapping[str, ZipEntry]:
    """The entries of the file that was asked for last: each format that looks at a file wants them."""
    with _opened(path) as reader:
        return MappingProxyType(reader.entries())


def checksum_places(file: BinaryIO, entry: ZipEntry) -> tuple[int, int]:
    """Where the CRC-32 of an entry stands: in the central directory, and in its local header or its descriptor.

    A descriptor begins with its signature or with the CRC-32. Where neither is there the directory promises one that
    the file does not have, and what follows the data is another entry.
    """
    if entry.described:
        behind = entry.offset + entry.packed
        file.seek(behind)
        found = file.read(4)
        if found == b"PK\x07\x08":
            return entry.record + 16, behind + 4
        if found == entry.crc.to_bytes(4, "little"):
            return entry.record + 16, behind
    return entry.record + 16, entry.header + 14


@contextmanager
def _opened(path: Path, start: int = 0, length: int | None = None) -> Iterator[_Reader]:
    with path.open("rb", buffering=0) as file:
        try:
            yield _Reader(path, file, start, length)
        except (struct.error, UnicodeDecodeError) as error:
            raise damaged(path, "its directory cannot be read") from error


class _Reader:
    """Reads an archive that lies in `file` from byte `start` on; it counts places from there, as the archive does."""

    def __init__(self, path: Path, file: FileIO, start: int, length: int | None) -> None:
        self.path = path
        self.file = file
        self.start = start
        self.size = file.seek(0, 2) - start if length is None else length

    def entries(self) -> dict[str, ZipEntry]:
        found: dict[str, ZipEntry] = {}
        for record in self.records():
            if record.name in found:
                raise PrunerError(f"{self.path}: the archive holds “{record.name}” twice. It is damaged, or a trap.")
            found[record.name] = record
        self._require_apart(found)
        return {name: self._in_file(entry) for name, entry in found.items()} if self.start else found

    def _in_file(self, entry: ZipEntry) -> ZipEntry:
        return entry._replace(
            offset=entry.offset + self.start, record=entry.record + self.start, header=entry.header + self.start
        )

    def records(self) -> Iterator[ZipEntry]:
        """What the central directory says; where the data begins stands in each entry's own header."""
        count, length, start = self._directory()
        if start + length > self.size or length > _MAX_DIRECTORY or count * _CENTRAL.size > length:
            raise damaged(self.path, "its directory lies outside the file")
        directory = self._at(start, length)
        position = 0
        for _ in range(count):
            record, position = self._record(directory, position, start)
            yield record

    def _at(self, offset: int, length: int) -> bytes:
        self.file.seek(self.start + offset)
        data = self.file.read(length)
        if data is None or len(data) != length:
            raise damaged(self.path, "it ends early")
        return data

    def _directory(self) -> tuple[int, int, int]:
        """Number of entries, length and start of the central directory."""
        tail_start = max(0, self.size - (1 << 16) - _END.size)
        tail = self._at(tail_start, self.size - tail_start)
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or place + _END.size > len(tail):
            raise damaged(self.path, "the archive has no end")
        _, _, _, _, count, length, start, _ = _END.unpack_from(tail, place)
        if count != 0xFFFF and length != _FULL and start != _FULL:
            return count, length, start
        locator_at = tail_start + place - _END64_LOCATOR.size
        signature, _, end64, _ = _END64_LOCATOR.unpack(self._at(max(0, locator_at), _END64_LOCATOR.size))
        if signature != b"PK\x06\x07" or end64 + _END64.size > self.size:
            return count, length, start
        fields = _END64.unpack(self._at(end64, _END64.size))
        return fields[7], fields[8], fields[9]

    def _record(self, directory: bytes, position: int, directory_start: int) -> tuple[ZipEntry, int]:
        fields = _CENTRAL.unpack_from(directory, position)
        signature, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment_len = fields[:13]
        if signature != b"PK\x01\x02":
            raise damaged(self.path, "an entry of its directory is broken")
        begin = position + _CENTRAL.size
        name = directory[begin : begin + name_len].decode("utf-8")
        if "\0" in name:
            raise damaged(self.path, f"the name “{name}” holds a null character, where other programs let it end")
        header = fields[16]
        if _FULL in (size, packed, header):
            extra = directory[begin + name_len : begin + name_len + extra_len]
            size, packed, header = _zip64(extra, size, packed, header)
        if flags & _ENCRYPTED:
            raise PrunerError(f"{self.path}: the archive is encrypted. Unpack it with its password first.")
        if method == STORED and size != packed:
            raise damaged(self.path, f"“{name}” has two lengths")
        described = bool(flags & _DESCRIPTOR)
        offset = self._data_offset(name, header, packed)
        record = ZipEntry(name, method, crc, packed, size, offset, directory_start + position, header, described)
        return record, begin + name_len + extra_len + comment_len

    def _data_offset(self, name: str, header: int, packed: int) -> int:
        """Where an entry's data begin, by its local header."""
        if header + _LOCAL.size > self.size:
            raise damaged(self.path, f"“{name}” lies outside the file")
        signature, name_len, extra_len = _LOCAL.unpack(self._at(header, _LOCAL.size))
        if signature != b"PK\x03\x04":
            raise damaged(self.path, f"“{name}” is not where the directory says")
        offset: int = header + _LOCAL.size + name_len + extra_len
        if offset + packed > self.size:
            raise damaged(self.path, f"“{name}” reaches beyond the file")
        return offset

    def _require_apart(self, entries: dict[str, ZipEntry]) -> None:
        """Entries that overlap, in their headers or their data, are how zip bombs and parser confusions are made."""
        end, before = 0, ""
        for entry in sorted(entries.values(), key=attrgetter("header")):
            if entry.header < end:
                raise damaged(self.path, f"“{before}” and “{entry.name}” overlap")
            end, before = entry.offset + entry.packed, entry.name
        if entries and end > min(entry.record for entry in entries.values()):
            raise damaged(self.path, f"“{before}” reaches into the directory")


def _zip64(extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """The sizes and the place, from the zip64 field where the short ones are full."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
            size = next(values, size) if size == _FULL else size
            packed = next(values, packed) if packed == _FULL else packed
            header = next(values, header) if header == _FULL else header
            break
        position += 4 + length
    return size, packed, header
