"""Copies of zip archives in which pruned elements are zero: entries' checksums follow, all else stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from zlib_ng.zlib_ng import crc32

from pruner.checkpoint import Storage
from pruner.patching import Copying, Region, zeroed
from pruner.progress import Meter
from pruner.reading import unpacked
from pruner.zips.directory import ZipEntry, checksum_places
from pruner.zips.entries import storage_of
from pruner.zips.writing import ZipWriter


def patch_archive(
    source: Path,
    target: Path,
    entries: Iterable[ZipEntry],
    storages: Mapping[Storage, Sequence[Region]],
    meter: Meter,
    *,
    anew: bool = False,
    deflate: bool = False,
    beside: Callable[[ZipWriter], None] | None = None,
) -> list[str]:
    """Copy an archive to a new name with `storages`, which are entries of it, zeroed where their regions say.

    Where none of them is packed only their bytes and checksums differ. Else, or with `anew`, the archive is written
    anew: each entry with its content, its name, its place in the order, and its packing or deflated as `ZipWriter`
    does; `beside` adds entries at the end. Returns notes for the user on data whose checksum did not match.
    """
    entries = list(entries)
    touched = {storage_of(source, entry): entry for entry in entries}
    touched = {storage: touched[storage] for storage in storages}
    if anew or any(storage.deflated is not None for storage in storages):
        with ZipWriter(target, meter, deflate=deflate) as writer:
            sums = _write_anew(source, writer, entries, storages)
            if beside is not None:
                beside(writer)
    else:
        sums = _copy(source, target, touched, storages, meter)
    return [
        f"The checksum of “{storages[storage][0].info.name}” did not match in the source; its data may be damaged."
        for storage, entry in touched.items()
        if sums[storage] != entry.crc
    ]


def _copy(
    source: Path,
    target: Path,
    touched: Mapping[Storage, ZipEntry],
    storages: Mapping[Storage, Sequence[Region]],
    meter: Meter,
) -> dict[Storage, int]:
    """Copy and zero in one pass; gives the checksums that the source's data have."""
    old: dict[Storage, int] = {}
    new: dict[Storage, int] = {}
    with Copying(source, target, meter) as copying:
        for storage in sorted(touched, key=lambda one: one.offset):
            copying.copy_to(storage.offset)
            old[storage] = new[storage] = 0
            for before, after, what in zeroed(copying.read, storage.nbytes, storages[storage]):
                old[storage] = crc32(before, old[storage])
                new[storage] = crc32(after, new[storage])
                copying.write(after, what)
        copying.copy_to(None)
    with target.open("r+b") as file:
        for storage, entry in touched.items():
            write_checksum(file, entry, new[storage])
    return old


def write_checksum(file: BinaryIO, entry: ZipEntry, checksum: int) -> None:
    """Write an entry's checksum to the two places where an archive has it."""
    for place in checksum_places(file, entry):
        file.seek(place)
        file.write(checksum.to_bytes(4, "little"))


def _write_anew(
    source: Path, writer: ZipWriter, entries: Sequence[ZipEntry], storages: Mapping[Storage, Sequence[Region]]
) -> dict[Storage, int]:
    """Write the entries; gives the checksums that the source's data have."""
    old: dict[Storage, int] = {}
    for entry in entries:
        storage = storage_of(source, entry)

        def parts(storage: Storage = storage) -> Iterator[memoryview]:
            old[storage] = 0
            with unpacked(storage) as read:
                for before, after, _ in zeroed(read, storage.nbytes, storages.get(storage, ())):
                    old[storage] = crc32(before, old[storage])
                    yield after.data

        writer.add(entry.name, entry.size, parts, entry.name, packed=storage.deflated is not None)
    return old
