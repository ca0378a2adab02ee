"""The permanent form: pruned values written as +0.0 under the tensor's own name, as `prune.remove` leaves them."""

from __future__ import annotations

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.prune import Pruning
from pruner.ties import identical, sharers


class Permanent:
    """See `Form`. A tensor that is the same memory as a pruned one has the same zeros."""

    name = "permanent"
    title = "Permanent: zeros under the tensors' own names"
    patches = True

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        made = {name: Entry(name, info) for name, info in checkpoint.tensors.items()}
        for name, one in pruning.tensors.items():
            info = checkpoint[name]
            twins = [other for other in sharers(checkpoint.tensors, info) if identical(other, info)]
            for same in (info, *twins):
                made[same.name] = Entry(same.name, same, "zeroed", one.mask)
        return tuple(made.values())


FORM = Permanent()
