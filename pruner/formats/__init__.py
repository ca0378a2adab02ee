"""Container formats, one file each: a file here with a `FORMAT` is known everywhere.

A format recognises its files by their content and lists them without reading numbers. Most can be patched in a copy,
some written anew.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.foreign import describe
from pruner.marks import with_marks_apart
from pruner.mask import Mask
from pruner.progress import Meter
from pruner.registry import discover
from pruner.shards import index_of, open_set
from pruner.zips.container import ZipContainer

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


@runtime_checkable
class PatchableFormat(Format, Protocol):
    """A container in whose files pruned elements can be zeroed."""

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        """Write a copy of the checkpoint's files to `target`, a new name, with pruned elements zeroed.

        Returns notes for the user. Raises `PrunerError` where the file cannot be patched.
        """
        ...


@runtime_checkable
class WritableFormat(Format, Protocol):
    """A container that is written anew for any checkpoint."""

    def write(self, checkpoint: Checkpoint, entries: Sequence[Entry], target: Path, meter: Meter) -> list[str]:
        """Write `entries`, in their order, to the new file `target`; what stands beside the weights is kept where
        the container can hold it. Returns notes for the user."""
        ...


@cache
def formats() -> dict[str, Format]:
    """All container formats by name."""
    return discover(__name__, "FORMAT")


def writable_formats() -> list[WritableFormat]:
    """The formats that new files can be written in."""
    return [one for one in formats().values() if isinstance(one, WritableFormat)]


def writable_format_for(path: Path) -> WritableFormat | None:
    """The container that a new file's ending stands for, None where it stands for none."""
    return next((one for one in writable_formats() if path.suffix.lower() in one.suffixes), None)


def open_checkpoint(path: str | Path, root: str | None = None) -> Checkpoint:
    """What a file, a folder of shards or an index holds, without reading its numbers and without running anything.

    `root` is the key path of the dictionary with the weights in a training checkpoint; None takes the one that the
    keys suggest. Raises `PrunerError` with the file's name and what to do.
    """
    path = Path(path).absolute()
    if "\0" in str(path):
        raise PrunerError(f"{path}: a name cannot hold a null character.")
    try:
        with _no_collecting():
            index = index_of(path)
            if index is not None:
                return with_marks_apart(open_set(index, path, lambda shard: _open_file(shard, root)))
            return with_marks_apart(_open_file(_only_file(path), root))
    except FileNotFoundError as error:
        raise PrunerError(f"{error.filename or path}: there is no such file.") from error
    except PermissionError as error:
        raise PrunerError(f"{error.filename or path}: you have no permission to read it.") from error
    except OSError as error:
        raise PrunerError(f"{error.filename or path}: cannot be read ({error.strerror or error}).") from error
    except RecursionError as error:
        raise PrunerError(f"{path}: its contents nest too deeply. The file is damaged, or a trap.") from error


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Keep Python from looking for garbage, again and again, among the many objects that a listing makes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _only_file(path: Path) -> Path:
    """The one safetensors file of a folder that is no checkpoint by itself; else the path as it is."""
    shards = list(path.glob("*.safetensors")) if path.is_dir() and not (path / ".metadata").exists() else []
    return shards[0] if len(shards) == 1 else path


def _open_file(path: Path, root: str | None) -> Checkpoint:
    head = b""
    if not path.is_dir():
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    for one in formats().values():
        if one.recognises(path, head):
            found = one.open(path, root)
            return one.with_marks(found) if isinstance(one, ZipContainer) else found
    raise PrunerError(f"{path}: {describe(path, head)}")
