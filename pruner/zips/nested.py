"""Archives that are an entry of another archive: reading them in place, and patched copies of the outer one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from zlib_ng.zlib_ng import crc32

from pruner.checkpoint import Storage
from pruner.errors import PrunerError
from pruner.patching import Read, Region, zeroed
from pruner.progress import Meter
from pruner.reading import read_bytes, unpacked
from pruner.zips.directory import DEFLATED, STORED, ZipEntry, read_entries
from pruner.zips.entries import storage_of
from pruner.zips.patching import patch_archive, write_checksum
from pruner.zips.writing import ZipWriter

_STEP = 1 << 22
_MOST_UNPACKED = 1 << 32

Change = tuple[int, int, Sequence[Region]]
"""First byte and length of a run of an entry's content, and what is zeroed in it, by places in the run."""


@dataclass(frozen=True, eq=False)
class NestedArchive:
    """An archive that lies in the entry `outer` of the file `path`.

    The places of its `entries` are those in the file, or in the content of `outer` where that is packed.
    """

    path: Path
    outer: ZipEntry
    entries: Mapping[str, ZipEntry]

    @property
    def packed(self) -> bool:
        """Whether the archive as a whole is packed."""
        return self.outer.method != STORED

    def place(self, entry: ZipEntry) -> tuple[Storage, int]:
        """The storage that holds an entry, and the entry's first byte in it.

        Where the archive is packed that storage is all of it up to the entry's end. Raises `PrunerError` for packings
        that torch never uses.
        """
        if not self.packed:
            return storage_of(self.path, entry), 0
        return replace(storage_of(self.path, self.outer), nbytes=entry.offset + entry.size), entry.offset

    def content(self, entry: ZipEntry, most: int) -> bytes:
        """An entry's content, of at most `most` bytes; raises `PrunerError` where it is longer, or damaged."""
        if entry.size > most:
            raise PrunerError(f"{self.path}: “{entry.name}” is {entry.size} bytes long, more than such an entry is.")
        storage, first = self.place(entry)
        return read_bytes(storage, first, entry.size).tobytes()


def read_nested(path: Path, outer: ZipEntry) -> NestedArchive:
    """The archive in an entry of the archive `path`; one that is packed is unpacked for a moment to find its parts.

    Raises `PrunerError` where it is damaged, or packed in a way that its parts cannot be read in place.
    """
    storage = storage_of(path, outer)
    if storage.deflated is None:
        return NestedArchive(path, outer, read_entries(path, outer.offset, outer.size))
    if outer.size > _MOST_UNPACKED:
        raise PrunerError(f"{path}: “{outer.name}” is packed and too long for that. {_REPACK}")
    with tempfile.TemporaryDirectory() as folder, unpacked(storage) as read:
        spool = Path(folder) / "archive"
        with spool.open("xb") as file:
            for _, after, _ in zeroed(read, outer.size, ()):
                file.write(after.data)
        try:
            entries = read_entries(spool)
        except PrunerError as error:
            raise PrunerError(str(error).replace(str(spool), f"{path}: {outer.name}")) from error
    if any(entry.method != STORED for entry in entries.values()):
        raise PrunerError(f"{path}: “{outer.name}” is packed twice. {_REPACK}")
    return NestedArchive(path, outer, entries)


_REPACK = "Unpack the archive and pack it again without compression."


def patch_nested(
    source: Path,
    target: Path,
    entries: Iterable[ZipEntry],
    archives: Iterable[NestedArchive],
    storages: Mapping[Storage, Sequence[Region]],
    meter: Meter,
) -> list[str]:
    """Copy an archive as `patch_archive` does, where some of `storages` are entries of `archives` inside it.

    Checksums follow in both: of the inner entry, and of the entry that the inner archive is. Where something packed
    is touched the outer archive is written anew; an archive in it is then unpacked to a nameless file beside `target`.
    Raises `PrunerError` for entries packed inside an archive that is not.
    """
    entries = list(entries)
    held = _held(archives, storages)
    for archive, inner in held:
        if not archive.packed and inner.method == DEFLATED:
            name = storages[archive.place(inner)[0]][0].info.name
            raise PrunerError(
                f"{source}: “{name}” is packed in an archive inside; it is read, but cannot be patched. "
                "Save as .safetensors or .pt instead."
            )
    if any(storage.deflated is not None for storage in storages):
        return _write_anew(source, target, entries, held, storages, meter)
    notes = patch_archive(source, target, [*entries, *(inner for _, inner in held)], storages, meter)
    with target.open("r+b") as file:
        for outer in {archive.outer for archive, _ in held}:
            write_checksum(file, outer, _checksum(file, outer, meter))
    return notes


def _held(
    archives: Iterable[NestedArchive], storages: Mapping[Storage, Sequence[Region]]
) -> list[tuple[NestedArchive, ZipEntry]]:
    """The entries of inner archives that are touched."""
    return [
        (archive, inner)
        for archive in archives
        for inner in archive.entries.values()
        if archive.place(inner)[0] in storages
    ]


def _write_anew(
    source: Path,
    target: Path,
    entries: Sequence[ZipEntry],
    held: Sequence[tuple[NestedArchive, ZipEntry]],
    storages: Mapping[Storage, Sequence[Region]],
    meter: Meter,
) -> list[str]:
    notes: list[str] = []
    with ZipWriter(target, meter) as writer:
        for entry in entries:
            storage = storage_of(source, entry)
            inside = [pair for pair in held if pair[0].outer == entry]
            changes = _changes(inside, storages) or [(0, entry.size, storages.get(storage, ()))]
            content = _Content(storage, changes)
            packed = storage.deflated is not None
            if not inside:
                writer.add(entry.name, entry.size, content.pieces, entry.name, packed=packed)
            else:
                with tempfile.TemporaryFile(dir=target.parent) as spool:
                    for piece in content.pieces():
                        spool.write(piece)
                        meter.step(0, entry.name)
                    for archive, inner in inside:
                        own = inner if archive.packed else _moved(inner, -entry.offset)
                        write_checksum(spool, own, _checksum(spool, own, meter))
                    unchanged = partial(_pieces, spool, 0, entry.size)
                    writer.add(entry.name, entry.size, unchanged, entry.name, packed=packed)
            if content.checksum != entry.crc and (touched := [region for change in changes for region in change[2]]):
                notes.append(
                    f"The checksum of “{touched[0].info.name}” did not match in the source; its data may be damaged."
                )
    return notes


def _changes(
    inside: Sequence[tuple[NestedArchive, ZipEntry]], storages: Mapping[Storage, Sequence[Region]]
) -> list[Change]:
    """What is zeroed in the content of an entry that is an archive, in the order of the bytes."""
    if inside and inside[0][0].packed:
        archive = inside[0][0]
        regions = [region for _, inner in inside for region in storages[archive.place(inner)[0]]]
        return [(0, archive.outer.size, sorted(regions, key=lambda region: region.begin))]
    found = [
        (inner.offset - archive.outer.offset, inner.size, storages[archive.place(inner)[0]])
        for archive, inner in inside
    ]
    return sorted(found, key=lambda change: change[0])


class _Content:
    """An entry's unpacked content with pruned elements zeroed, piece by piece; `checksum` is that of the source's."""

    def __init__(self, storage: Storage, changes: Sequence[Change]) -> None:
        self._storage = storage
        self._changes = changes
        self.checksum = 0

    def pieces(self) -> Iterator[memoryview]:
        """All of it, from its beginning."""
        self.checksum = 0
        with unpacked(self._storage) as read:
            position = 0
            for begin, length, regions in self._changes:
                yield from self._pieces(read, begin - position, ())
                yield from self._pieces(read, length, regions)
                position = begin + length
            yield from self._pieces(read, self._storage.nbytes - position, ())

    def _pieces(self, read: Read, length: int, regions: Sequence[Region]) -> Iterator[memoryview]:
        for before, after, _ in zeroed(read, length, regions):
            self.checksum = crc32(before, self.checksum)
            yield after.data


def _moved(entry: ZipEntry, by: int) -> ZipEntry:
    return entry._replace(offset=entry.offset + by, record=entry.record + by, header=entry.header + by)


def _checksum(file: BinaryIO, entry: ZipEntry, meter: Meter) -> int:
    """The checksum of a stored entry's content as it is now, read in steps."""
    checksum = 0
    for piece in _pieces(file, entry.offset, entry.size):
        checksum = crc32(piece, checksum)
        meter.step(0, entry.name)
    return checksum


def _pieces(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    file.seek(offset)
    for start in range(0, length, _STEP):
        yield file.read(min(_STEP, length - start))
