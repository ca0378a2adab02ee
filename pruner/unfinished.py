"""Files that a killed process was writing: they are noted while it writes, and taken away at the next start."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

PART = ".part"
"""The ending of a file or folder that is not finished."""
_LOCKED_BYTE = 1 << 20
"""One that no note reaches to: Windows lets nobody else read what is locked."""


@contextmanager
def noted(partial: Path) -> Iterator[Note]:
    """Note that this process is writing `partial`, until the block ends.

    Where no note can be made (a home that is read-only), there is none.
    """
    note = Note(partial)
    try:
        yield note
    finally:
        note.withdraw()


class Note:
    """A file in the user's own folder that names a partial one, by its last line; its lock says the process lives."""

    def __init__(self, partial: Path) -> None:
        self._partial = partial
        self._file: FileIO | None = None
        self._path = _folder() / f"{secrets.token_hex(8)}.json"
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = FileIO(self._path, "x+")
            _lock(self._file)
            self._write({"partial": str(partial)})

    def moving_to(self, target: Path) -> None:
        """Note that `partial`, a folder, is complete and goes over into `target`: that can be finished by others."""
        with contextlib.suppress(OSError):
            self._write({"partial": str(self._partial), "target": str(target)})

    def withdraw(self) -> None:
        """There is nothing left to take away."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()

    def _write(self, content: dict[str, str]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(content).encode() + b"\n")
            os.fsync(self._file.fileno())


def tidy() -> list[Path]:
    """Take away what killed processes left unfinished, and finish what was complete; gives the places.

    What another process is still writing stays. Faults of the disk are passed over: the next start tries again.
    """
    done: list[Path] = []
    with contextlib.suppress(OSError):
        for path in sorted(_folder().glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                done += _tidy(path)
    return done


def move_into(partial: Path, target: Path) -> None:
    """Move the files of a complete folder into one that exists, over those of the same name."""
    for file in sorted(partial.iterdir()):
        file.replace(target / file.name)


def remove(partial: Path) -> None:
    """Remove a file or a folder that is not finished; one that is not there is no fault."""
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _tidy(path: Path) -> Iterator[Path]:
    with FileIO(path, "r+") as file:
        _lock(file)  # raises where its process lives
        *lines, _ = file.read().split(b"\n")  # what the last one ends with was not written in full
        if not lines:
            return  # its process has not come to writing anything
        content = json.loads(lines[-1])
        partial = Path(content["partial"])
        if partial.name.startswith(".") and partial.name.endswith(PART):
            if "target" in content and partial.is_dir():
                move_into(partial, Path(content["target"]))
            if partial.exists():
                remove(partial)
                yield partial
    path.unlink()


def _folder() -> Path:
    from platformdirs import user_state_path

    return user_state_path("secateur", appauthor=False) / "unfinished"


def _lock(file: FileIO) -> None:
    """Lock a file for as long as this process has it open; raises `OSError` where another one has it."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
