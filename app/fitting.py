"""What a tensor's state is before a round, and which tensors a round can take at all."""

from __future__ import annotations

from collections.abc import Mapping

from pruner import Amount, Checkpoint, Pruning, TensorInfo


def is_prunable(info: TensorInfo) -> bool:
    """Whether pruning has a meaning for the tensor, by one method or another."""
    return info.prunable and info.numel > 0 and not info.overlapping


def left(checkpoint: Checkpoint, pruning: Pruning | None, name: str) -> int:
    """Elements of a tensor that no round has pruned."""
    if pruning is not None and name in pruning:
        return pruning[name].mask.kept
    return checkpoint[name].numel


def zeros_now(pruning: Pruning | None, counted: Mapping[str, int], name: str) -> int | None:
    """Zeros of a tensor as it would be saved; None while they are not counted."""
    return pruning[name].zeros if pruning is not None and name in pruning else counted.get(name)


def carried(old: Checkpoint, new: Checkpoint, entries: Mapping[str, Amount | None]) -> dict[str, Amount | None]:
    """Those of the tensors planned for `old` that are in `new`, with the same shape, in the same place."""
    if old.root != new.root:
        return {}
    return {
        name: amount
        for name, amount in entries.items()
        if name in new.tensors and new[name].shape == old[name].shape and is_prunable(new[name])
    }
