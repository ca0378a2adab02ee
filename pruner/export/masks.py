"""The masks alone: `NAME_mask` for each pruned tensor, as bools, for `custom_from_mask` here and in torch."""

from __future__ import annotations

from dataclasses import replace

from pruner.checkpoint import Checkpoint, Storage, TensorInfo, contiguous_stride
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.prune import Pruning


class Masks:
    """See `Form`. A mask is torch.bool, of its tensor's shape: a byte an element, whatever the tensor's type."""

    name = "masks"
    title = "Masks alone: NAME_mask for each pruned tensor"
    patches = False
    marks = False
    alone = True

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        if not pruning:
            raise PrunerError(f"{checkpoint.path}: nothing is pruned, so there are no masks to save.")
        tensors = pruning.tensors.items()
        return tuple(Entry(f"{name}_mask", _as_bools(checkpoint[name]), "mask", one.mask) for name, one in tensors)


FORM = Masks()


def _as_bools(info: TensorInfo) -> TensorInfo:
    """A tensor of bools as large, with its elements in their order."""
    bools = replace(info, dtype="bool", stride=contiguous_stride(info.shape), storage_offset=0, pieces=())
    return replace(bools, storage=Storage(info.storage.file, 0, info.numel), shares_storage_with=())
