"""Container formats, one file each: a file here with a `FORMAT` is known everywhere.

A format recognises its files by their content, lists them without reading numbers, patches a copy, and writes new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.foreign import describe
from pruner.mask import Mask
from pruner.progress import Meter
from pruner.registry import discover

HEAD_BYTES = 64


class Format(Protocol):
    """A container of tensors."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    """Endings of files, the usual one first."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the file (or folder: `head` is empty then) is in this container; `head` is how it begins."""
        ...

    def open(self, path: Path, root: str | None) -> Checkpoint:
        """What the file holds, without its numbers; raises `PrunerError` or `OSError`."""
        ...

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        """Write a copy of the checkpoint's files to `target`, a new name, with pruned elements zeroed.

        Returns notes for the user. Raises `PrunerError` where the file cannot be patched.
        """
        ...

    def write(self, checkpoint: Checkpoint, entries: Sequence[Entry], target: Path, meter: Meter) -> list[str]:
        """Write `entries`, in their order, to the new file `target`; what stands beside the weights is kept where
        the container of the source is this one. Returns notes for the user."""
        ...


@cache
def formats() -> dict[str, Format]:
    """All container formats by name."""
    return discover(__name__, "FORMAT")


def format_for(path: Path) -> Format | None:
    """The format that a file name's ending stands for, None where it stands for none."""
    return next((one for one in formats().values() if path.suffix.lower() in one.suffixes), None)


def open_checkpoint(path: str | Path, root: str | None = None) -> Checkpoint:
    """What a file, a folder of shards or an index holds, without reading its numbers and without running anything.

    `root` is the key path of the dictionary with the weights in a training checkpoint; None takes the one that the
    keys suggest. Raises `PrunerError` with the file's name and what to do.
    """
    path = Path(path).absolute()
    if "\0" in str(path):
        raise PrunerError(f"{path}: a name cannot hold a null character.")
    try:
        head = b""
        if not path.is_dir():
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        for one in formats().values():
            if one.recognises(path, head):
                return one.open(path, root)
    except FileNotFoundError as error:
        raise PrunerError(f"{error.filename or path}: there is no such file.") from error
    except PermissionError as error:
        raise PrunerError(f"{error.filename or path}: you have no permission to read it.") from error
    except OSError as error:
        raise PrunerError(f"{error.filename or path}: cannot be read ({error.strerror or error}).") from error
    except RecursionError as error:
        raise PrunerError(f"{path}: its contents nest too deeply. The file is damaged, or a trap.") from error
    raise PrunerError(f"{path}: {describe(path, head)}")
