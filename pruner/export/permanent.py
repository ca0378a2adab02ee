"""The permanent form: pruned values written as +0.0 under the tensor's own name, as `prune.remove` leaves them."""

from __future__ import annotations

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.prune import Pruning, with_twins


class Permanent:
    """See `Form`. A tensor that is the same memory as a pruned one has the same zeros."""

    name = "permanent"
    title = "Permanent: zeros under the tensors' own names"
    patches = True
    marks = False
    alone = False

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        made = {name: Entry(name, info) for name, info in checkpoint.tensors.items()}
        for name, one in with_twins(checkpoint, pruning).tensors.items():
            made[name] = Entry(name, checkpoint[name], "zeroed", one.mask)
        return tuple(made.values())


FORM = Permanent()
