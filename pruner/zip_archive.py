"""A zip file's entries and where their bytes lie, read from its central directory (PKWARE's APPNOTE 6.3.10).

Entries' names are never used as paths. Sizes and places are checked against the file before anything is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pruner.errors import PrunerError

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_ENCRYPTED, _DESCRIPTOR = 0x1, 0x8
_MAX_DIRECTORY = 1 << 28


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry: `offset` is its data's first byte, `size` the unpacked and `packed` the stored length in bytes.

    `checksums` are the places of its CRC-32 in the file: in the central directory, and in the local header or the
    descriptor behind the data.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    checksums: tuple[int, int]


def read_entries(path: Path) -> dict[str, ZipEntry]:
    """The entries of a zip file by name, in the order of its directory.

    Raises `PrunerError` for a file that is cut off or damaged, and for duplicate names; `OSError` as `open` does.
    """
    with path.open("rb") as file:
        try:
            return _Reader(path, file).entries()
        except (struct.error, UnicodeDecodeError) as error:
            raise damaged(path, "its directory cannot be read") from error


def damaged(path: Path, what: str) -> PrunerError:
    """The error for an archive that breaks its own rules."""
    return PrunerError(f"{path}: {what}. The file is cut off or damaged; fetch or copy it again.")


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file
        self.size = file.seek(0, 2)

    def entries(self) -> dict[str, ZipEntry]:
        count, length, start = self._directory()
        if start + length > self.size or length > _MAX_DIRECTORY or count * _CENTRAL.size > length:
            raise damaged(self.path, "its directory lies outside the file")
        directory = self._at(start, length)
        found: dict[str, ZipEntry] = {}
        position = 0
        for _ in range(count):
            entry, position = self._entry(directory, position, start)
            if entry.name in found:
                raise PrunerError(f"{self.path}: the archive holds “{entry.name}” twice. It is damaged, or a trap.")
            found[entry.name] = entry
        self._require_apart(found, start)
        return found

    def _at(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        data = self.file.read(length)
        if len(data) != length:
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
        if count != 0xFFFF and length != 0xFFFFFFFF and start != 0xFFFFFFFF:
            return count, length, start
        locator_at = tail_start + place - _END64_LOCATOR.size
        signature, _, end64, _ = _END64_LOCATOR.unpack(self._at(max(0, locator_at), _END64_LOCATOR.size))
        if signature != b"PK\x06\x07" or end64 + _END64.size > self.size:
            return count, length, start
        fields = _END64.unpack(self._at(end64, _END64.size))
        return fields[7], fields[8], fields[9]

    def _entry(self, directory: bytes, position: int, directory_start: int) -> tuple[ZipEntry, int]:
        fields = _CENTRAL.unpack_from(directory, position)
        signature, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment_len = fields[:13]
        header = fields[16]
        if signature != b"PK\x01\x02":
            raise damaged(self.path, "an entry of its directory is broken")
        begin = position + _CENTRAL.size
        name = directory[begin : begin + name_len].decode("utf-8")
        extra = directory[begin + name_len : begin + name_len + extra_len]
        size, packed, header = _zip64(extra, size, packed, header)
        if flags & _ENCRYPTED:
            raise PrunerError(f"{self.path}: the archive is encrypted. Unpack it with its password first.")
        if method == STORED and size != packed:
            raise damaged(self.path, f"“{name}” has two lengths")
        offset = self._data_offset(header, name)
        if offset + packed > self.size:
            raise damaged(self.path, f"“{name}” reaches beyond the file")
        checksum = header + 14
        if flags & _DESCRIPTOR:
            checksum = offset + packed
            if self._at(checksum, 4) == b"PK\x07\x08":
                checksum += 4
        places = (directory_start + position + 16, checksum)
        return ZipEntry(name, method, crc, packed, size, offset, places), begin + name_len + extra_len + comment_len

    def _data_offset(self, header: int, name: str) -> int:
        if header + _LOCAL.size > self.size:
            raise damaged(self.path, f"“{name}” lies outside the file")
        fields = _LOCAL.unpack(self._at(header, _LOCAL.size))
        if fields[0] != b"PK\x03\x04":
            raise damaged(self.path, f"“{name}” is not where the directory says")
        name_len, extra_len = fields[9:11]
        return header + _LOCAL.size + int(name_len) + int(extra_len)

    def _require_apart(self, entries: dict[str, ZipEntry], directory_start: int) -> None:
        """Entries that overlap are how zip bombs and parser confusions are made."""
        end, before = 0, ""
        for entry in sorted(entries.values(), key=lambda entry: entry.offset):
            if entry.offset < end:
                raise damaged(self.path, f"“{before}” and “{entry.name}” overlap")
            end, before = entry.offset + entry.packed, entry.name
        if end > directory_start and directory_start:
            raise damaged(self.path, f"“{before}” reaches into the directory")


def _zip64(extra: bytes, size: int, packed: int, header: int) -> tuple[int, int, int]:
    """The sizes and the place, from the zip64 field where the short ones are full."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
            size = next(values, size) if size == 0xFFFFFFFF else size
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            header = next(values, header) if header == 0xFFFFFFFF else header
            break
        position += 4 + length
    return size, packed, header
