"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pruner.errors import PrunerError
from pruner.unfinished import PART, move_into, noted, remove


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A new name beside `target` to write a file or a folder to; it becomes `target` when the block ends well.

    A file takes the place of an older one at once; a folder takes over into an existing one file by file. Whatever
    goes wrong, `target` stays as it was and nothing is left beside it; what a killed process leaves is finished or
    taken away by `tidy` at the next start. Raises `PrunerError` for what the disk refuses.
    """
    partial = target.with_name(f".{target.name[:64]}.{secrets.token_hex(4)}{PART}")
    with noted(partial) as note:
        try:
            yield partial
            _flush(partial)
            if partial.is_dir() and target.is_dir():
                note.moving_to(target)
                move_into(partial, target)
            else:
                partial.replace(target)
            _flush_names(target.parent)
        except OSError as error:
            raise PrunerError(f"{target}: {_refusal(error)}") from error
        finally:
            remove(partial)


def _flush(path: Path) -> None:
    for file in path.iterdir() if path.is_dir() else [path]:
        descriptor = os.open(file, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush_names(folder: Path) -> None:
    """Have the disk keep the new name too, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refusal(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; nothing was saved. Free some space or save elsewhere."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "you may not write there, or another program has it open; nothing was saved. Save elsewhere."
    if error.errno == errno.ENOENT:
        return "there is no such folder; nothing was saved. Make the folder first."
    return f"cannot be written ({error.strerror or error}); nothing was saved."
