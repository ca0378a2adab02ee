"""Tensors of another file that belong to those of a checkpoint: masks and scores made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pruner.checkpoint import Checkpoint, FileStamp
from pruner.elements import PIECE, Elements, elements_of
from pruner.errors import FileChangedError, PrunerError


def companion(file: str, elements: Elements, endings: Sequence[str], what: str) -> Elements:
    """The tensor of `file` that belongs to another: of its name with an ending, and of its shape.

    The first of the endings that the file has at all counts: where it has masks by the name of masks, nothing else is
    one. A file of a single tensor, such as `.npy`, gives that one. Raises `PrunerError` where there is none, or it has
    another shape.
    """
    try:
        checkpoint = _current(FileStamp.of(Path(file).absolute()))
    except OSError as error:
        raise PrunerError(f"{file}: cannot be read ({error.strerror}).") from error
    found = companion_name(checkpoint, elements.name, endings)
    if found is None:
        raise PrunerError(
            f"{file}: it has no {what} for “{elements.name}”: no tensor is named "
            f"“{elements.name}{_used(checkpoint, endings)[0]}”."
        )
    info = checkpoint[found]
    if not info.prunable and info.dtype != "bool":
        raise PrunerError(f"{file}: “{found}” is {info.dtype}; it has no numbers to read.")
    if info.shape != elements.shape:
        raise PrunerError(
            f"{file}: “{found}” has shape {list(info.shape)}, but “{elements.name}” has {list(elements.shape)}."
        )
    read = elements_of(checkpoint, found, elements.mask, threads=elements.threads, passed=elements.passed)
    return replace(read, piece=min(elements.piece, PIECE))


def companion_name(checkpoint: Checkpoint, name: str, endings: Sequence[str]) -> str | None:
    """The name of the tensor that belongs to another by `companion`'s rules; None where there is none."""
    names = [name + ending for ending in _used(checkpoint, endings)]
    found = next((one for one in names if one in checkpoint.tensors), None)
    alone = len(checkpoint.tensors) == 1 and checkpoint.format == "npy"
    return next(iter(checkpoint.tensors)) if found is None and alone else found


def _used(checkpoint: Checkpoint, endings: Sequence[str]) -> Sequence[str]:
    """The first of the endings that the file has at all, or all of them where it has none."""
    return [one for one in endings if any(name.endswith(one) for name in checkpoint.tensors)][:1] or endings


def _current(stamp: FileStamp) -> Checkpoint:
    """The checkpoint, opened again where files behind it (shards, or those in a folder) are others now."""
    checkpoint = _opened(stamp)
    try:
        checkpoint.require_unchanged()
    except FileChangedError:
        _opened.cache_clear()
        return _opened(stamp)
    return checkpoint


@lru_cache(4)
def _opened(stamp: FileStamp) -> Checkpoint:
    from pruner.formats import open_checkpoint

    return open_checkpoint(stamp.path)
