"""Masks at one bit an element beside the original values: what a reversible file has, and the pruning that it tells of.

A tensor's mark is a uint8 tensor of `ceil(numel / 8)` bytes, the first element in the lowest bit, 1 for what is kept.
In safetensors it is a tensor of a reserved name; in zip archives a record that torch does not look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pruner.checkpoint import Checkpoint, Storage, TensorInfo
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.module_tree import modules_from_names
from pruner.prune import DEFAULT_MEMORY, Pruning
from pruner.reading import read_bytes
from pruner.record import KEY, names_in, pruning_from
from pruner.spill import room_for

PREFIX = "secateur.mask."
"""What a mark's name begins with, before that of its tensor."""


def mark_of(info: TensorInfo, mask: Mask) -> Entry:
    """The entry of a tensor's mark."""
    length = len(mask.bits)
    bits = TensorInfo(f"{PREFIX}{info.name}", "buffer", "uint8", (length,), (1,), Storage(info.storage.file, 0, length))
    return Entry(bits.name, bits, "bits", mask)


def with_marks_apart(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with tensors that are marks among its `marks`, where its metadata have a record of pruning."""
    if KEY not in checkpoint.metadata:
        return checkpoint
    marks = {
        name.removeprefix(PREFIX): info
        for name, info in checkpoint.tensors.items()
        if name.startswith(PREFIX) and is_mark(info, checkpoint.tensors.get(name.removeprefix(PREFIX)))
    }
    if not marks:
        return checkpoint
    names = {f"{PREFIX}{name}" for name in marks}
    tensors = {name: info for name, info in checkpoint.tensors.items() if name not in names}
    return replace(checkpoint, tensors=tensors, marks=marks, modules=modules_from_names(tensors))


def is_mark(info: TensorInfo, of: TensorInfo | None) -> bool:
    """Whether a tensor can be the mark of another."""
    return of is not None and of.prunable and info.dtype == "uint8" and info.shape == ((of.numel + 7) // 8,)


def without_marks(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint as if it had never told of a pruning."""
    metadata = {key: value for key, value in checkpoint.metadata.items() if key != KEY}
    return replace(checkpoint, marks={}, metadata=metadata)


def stored_pruning(checkpoint: Checkpoint, memory: int = DEFAULT_MEMORY) -> Pruning | None:
    """The pruning, with its rounds, that a reversible file holds beside the original values; None for other files.

    Masks that take more than half of `memory`, in bytes, lie in a temporary file. Raises `PrunerError` where they do
    not go together with the record of them, or cannot be read.
    """
    if not checkpoint.marks:
        return None
    record = checkpoint.metadata.get(KEY, "")
    store = room_for([checkpoint[name].numel for name in checkpoint.marks], memory)
    masks: dict[str, Mask] = {}
    try:
        for name in names_in(record):
            if name in checkpoint.marks:
                masks[name] = store(_mask(checkpoint[name], checkpoint.marks))
        if len(masks) < len(checkpoint.marks):
            raise PrunerError("the record of its pruning does not tell of all masks")
        return pruning_from(record, masks)
    except PrunerError as error:
        raise PrunerError(f"{checkpoint.path}: its pruning cannot be told: {error}. The values are whole.") from error


def _mask(info: TensorInfo, marks: Mapping[str, TensorInfo]) -> Mask:
    mark = marks[info.name]
    bits = read_bytes(mark.storage, mark.span[0], mark.nbytes)
    behind = -info.numel % 8
    if len(bits) and int(bits[-1]) >> (8 - behind):
        raise PrunerError(f"the mask of “{info.name}” has bits behind its end")
    return Mask(info.shape, bits)
