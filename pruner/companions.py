"""Tensors of another file that belong to those of a checkpoint: masks and scores made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pruner.checkpoint import Checkpoint, FileStamp
from pruner.elements import Elements, elements_of
from pruner.errors import PrunerError


def companion(file: str, elements: Elements, endings: Sequence[str], what: str) -> Elements:
    """The tensor of `file` that belongs to another: of its name with one of the endings, and of its shape.

    A file of a single tensor, such as `.npy`, gives that one. Raises `PrunerError` where there is none, or it has
    another shape.
    """
    try:
        checkpoint = _opened(FileStamp.of(Path(file).absolute()))
    except OSError as error:
        raise PrunerError(f"{file}: cannot be read ({error.strerror}).") from error
    names = [elements.name + ending for ending in endings]
    found = next((name for name in names if name in checkpoint.tensors), None)
    if found is None and len(checkpoint.tensors) == 1 and checkpoint.format == "npy":
        found = next(iter(checkpoint.tensors))
    if found is None:
        raise PrunerError(f"{file}: it has no {what} for “{elements.name}”, under {' or '.join(names)}.")
    info = checkpoint[found]
    if not info.prunable and info.dtype != "bool":
        raise PrunerError(f"{file}: “{found}” is {info.dtype}; it has no numbers to read.")
    if info.shape != elements.shape:
        raise PrunerError(
            f"{file}: “{found}” has shape {list(info.shape)}, but “{elements.name}” has {list(elements.shape)}."
        )
    return elements_of(checkpoint, found, elements.mask, threads=elements.threads)


@lru_cache(4)
def _opened(stamp: FileStamp) -> Checkpoint:
    from pruner.formats import open_checkpoint

    return open_checkpoint(stamp.path)
