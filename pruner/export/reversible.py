"""The reversible form: the original values, and beside them the masks at one bit an element with the rounds."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.marks import PREFIX, mark_of
from pruner.prune import Pruning


class Reversible:
    """See `Form`. A tensor's mark (see `pruner.marks`) follows it."""

    name = "reversible"
    title = "Reversible: original values with masks and rounds beside them, which Secateur opens again"
    patches = True
    marks = True
    alone = False

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        return tuple(_entries(checkpoint, pruning))


FORM = Reversible()


def _entries(checkpoint: Checkpoint, pruning: Pruning) -> Iterator[Entry]:
    for name, info in checkpoint.tensors.items():
        if name.startswith(PREFIX):
            raise PrunerError(
                f"{checkpoint.path}: “{name}” has the name of a mask that Secateur keeps. Save another form."
            )
        yield Entry(name, info)
        if name in pruning:
            yield mark_of(info, pruning[name].mask)
