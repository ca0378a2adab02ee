"""Which amounts fit which tensors: of one checkpoint, and of the same file opened again."""

from __future__ import annotations

from collections.abc import Mapping

from pruner import Amount, AmountValueError, Checkpoint, PrunerError, Pruning, TensorInfo


def is_prunable(info: TensorInfo) -> bool:
    """Whether an amount has a meaning for the tensor."""
    return info.prunable and info.numel > 0 and not info.overlapping


def left(checkpoint: Checkpoint, pruning: Pruning | None, name: str) -> int:
    """Elements of a tensor that no round has pruned."""
    if pruning is not None and name in pruning:
        return pruning[name].mask.kept
    return checkpoint[name].numel


def require_fits(checkpoint: Checkpoint, pruning: Pruning | None, name: str, amount: Amount) -> None:
    """Raise `PrunerError` with the tensor and the reason where the amount does not fit it."""
    info = checkpoint[name]
    if not is_prunable(info):
        raise PrunerError(f"“{name}” ({info.dtype}) has no elements to prune by magnitude.")
    try:
        amount.count(left(checkpoint, pruning, name))
    except AmountValueError as error:
        raise AmountValueError(f"“{name}”: {error}") from None


def fitting(checkpoint: Checkpoint, pruning: Pruning | None, amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """Those of the amounts that fit their tensors."""
    return {name: amount for name, amount in amounts.items() if _fits(checkpoint, pruning, name, amount)}


def carried(old: Checkpoint, new: Checkpoint, amounts: Mapping[str, Amount]) -> dict[str, Amount]:
    """Those of the amounts planned for `old` that fit `new`: tensors of the same name and shape, in the same place."""
    if old.root != new.root:
        return {}
    same = {
        name: amount for name, amount in amounts.items() if name in new.tensors and new[name].shape == old[name].shape
    }
    return fitting(new, None, same)


def _fits(checkpoint: Checkpoint, pruning: Pruning | None, name: str, amount: Amount) -> bool:
    try:
        require_fits(checkpoint, pruning, name, amount)
    except PrunerError:
        return False
    return True
