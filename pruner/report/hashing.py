"""SHA-256 of files, read in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pruner.errors import PrunerError
from pruner.progress import Meter
from pruner.report.facts import FileFacts

_PIECE = 1 << 22


def files_of(path: Path) -> list[Path]:
    """A file itself, or the files in a folder, by name; nothing where there is neither."""
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file())
    return [path] if path.is_file() else []


def hashed(path: Path, role: str, name: str, meter: Meter) -> FileFacts:
    """A file with its SHA-256; raises `PrunerError` where it cannot be read."""
    digest, nbytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                nbytes += len(piece)
                meter.step(len(piece), path.name)
    except OSError as error:
        raise PrunerError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return FileFacts(role, name, nbytes, digest.hexdigest())
