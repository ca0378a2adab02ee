"""The masked form: `NAME_orig` and `NAME_mask` instead of `NAME`, as torch leaves them while pruning is on."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.prune import Pruning


class Masked:
    """See `Form`. In each module come its parameters, the pruned ones last, then its buffers, the masks last.

    This is the order in which `torch.nn.Module.state_dict` lists them after pruning.
    """

    name = "masked"
    title = "Masked: original values and masks, as torch.nn.utils.prune has them"
    patches = False
    marks = False
    alone = False

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        owned: dict[str, list[TensorInfo]] = {}
        for info in checkpoint.tensors.values():
            owned.setdefault(info.module, []).append(info)
        made = [entry for own in owned.values() for entry in _module_entries(own, pruning)]
        names = {entry.name for entry in made}
        if len(names) < len(made):
            twice = next(entry.name for entry in made if entry.role != "as_is" and entry.name in checkpoint.tensors)
            raise PrunerError(
                f"{checkpoint.path}: it holds “{twice}” already: its masked form would have that name twice. "
                "Save the permanent form."
            )
        return tuple(made)


FORM = Masked()


def _module_entries(own: list[TensorInfo], pruning: Pruning) -> Iterator[Entry]:
    """The entries of one module's own tensors."""
    order = {name: place for place, name in enumerate(pruning)}
    pruned = sorted((info for info in own if info.name in pruning), key=lambda info: order[info.name])
    left = [info for info in own if info.name not in pruning]
    yield from (Entry(info.name, info) for info in left if info.kind != "buffer")
    yield from (Entry(f"{info.name}_orig", info, "orig") for info in pruned)
    yield from (Entry(info.name, info) for info in left if info.kind == "buffer")
    yield from (Entry(f"{info.name}_mask", info, "mask", pruning[info.name].mask) for info in pruned)
