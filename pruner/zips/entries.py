"""The contents of a zip archive's entries: where they lie as storages, and small ones as a whole."""

from __future__ import annotations

from pathlib import Path

from pruner.checkpoint import Storage
from pruner.errors import PrunerError, damaged
from pruner.reading import read_bytes
from pruner.zips.directory import DEFLATED, STORED, ZipEntry

_MOST_EXPANSION = 1032
"""How many times its packed length a deflated entry can be long (zlib's technical details)."""


def storage_of(path: Path, entry: ZipEntry) -> Storage:
    """An entry as a run of bytes; raises `PrunerError` where it is packed by a method that torch never uses."""
    if entry.method not in (STORED, DEFLATED):
        raise PrunerError(
            f"{path}: “{entry.name}” is packed by a method (number {entry.method}) that torch never uses. "
            "Unpack the archive and pack it again without compression."
        )
    if entry.size > _MOST_EXPANSION * entry.packed + _MOST_EXPANSION:
        raise damaged(path, f"“{entry.name}” is packed more tightly than that method can")
    return Storage(path, entry.offset, entry.size, entry.packed if entry.method == DEFLATED else None)


def entry_bytes(path: Path, entry: ZipEntry, most: int) -> bytes:
    """An entry's content, of at most `most` bytes; raises `PrunerError` where it is longer, or damaged."""
    if entry.size > most:
        raise PrunerError(f"{path}: “{entry.name}” is {entry.size} bytes long, more than such an entry ever is.")
    return read_bytes(storage_of(path, entry), 0, entry.size).tobytes()
