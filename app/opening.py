"""Opening a checkpoint for the window, on the worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.forest import Forest
from pruner import Checkpoint, PrunerError, Pruning, open_checkpoint, stored_pruning
from pruner.module_tree import module_tree
from pruner.plan import is_candidate
from pruner.progress import Progress


@dataclass(frozen=True, eq=False)
class Opened:
    """A checkpoint, and its tensors in the order of the tree of its modules.

    `pruning` is what a reversible file holds beside its values; `damage` says why it cannot be told.
    """

    checkpoint: Checkpoint
    forest: Forest
    pruning: Pruning | None = None
    damage: str = ""

    @classmethod
    def of(cls, checkpoint: Checkpoint, pruning: Pruning | None = None, damage: str = "") -> Opened:
        """A checkpoint with the tree of its modules."""
        return cls(checkpoint, Forest(module_tree(checkpoint), list(checkpoint.tensors)), pruning, damage)


def open_document(path: Path, root: str | None, progress: Progress) -> Opened:
    """What a file holds under `root`, or under the key that its keys suggest; raises as `open_checkpoint` does."""
    progress(0, 1, path.name)
    checkpoint = open_checkpoint(path, root)
    try:
        return Opened.of(checkpoint, stored_pruning(checkpoint))
    except PrunerError as error:
        return Opened.of(checkpoint, damage=str(error))


def open_again(old: Checkpoint, progress: Progress) -> Opened:
    """The same weights of the file as it is now; those that its keys suggest where they are gone."""
    try:
        return open_document(old.path, old.root, progress)
    except PrunerError:
        if not old.root:
            raise
        return open_document(old.path, None, progress)


def first_selected(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What is selected on opening: the first tensor that is pruned by default, or else the first."""
    candidates = (info.name for info in checkpoint.tensors.values() if is_candidate(info))
    first = next(candidates, None) or next(iter(checkpoint.tensors), None)
    return (first,) if first is not None else ()
