"""A checkpoint's pruning on a live module."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pruner.errors import UnknownTensorError
from pruner.live.custom_from_mask import custom_from_mask
from pruner.live.errors import LiveAssertionError
from pruner.live.rounds import hook_of, parameter_of, unchanged_on_failure
from pruner.prune import Pruning


def apply(module: nn.Module, result: Pruning) -> nn.Module:
    """Put the masks that `pruner.prune` found for a checkpoint on the module that it belongs to; returns the module.

    Each tensor `OWNER.NAME` of the result becomes `NAME_orig` and `NAME_mask` of `OWNER`, in the result's order, as by
    `custom_from_mask`: on top of what is pruned there already. A parameter that has other names in the module too is
    pruned under all of them. Values are not touched: load the checkpoint's first.

    Raises `UnknownTensorError` for a tensor that the module does not have, `TypeError` for one that is no parameter
    of it, `AssertionError` for another shape; the module is unchanged then.
    """
    targets = {(id(owner), leaf): (owner, leaf, name) for name in result for owner, leaf in _places(module, name)}
    with unchanged_on_failure(*{owner for owner, _, _ in targets.values()}):
        for owner, leaf, name in targets.values():
            custom_from_mask(owner, leaf, _mask(owner, leaf, name, result))
    return module


def _places(module: nn.Module, name: str) -> Iterator[tuple[nn.Module, str]]:
    """The owner and the last part of a name; then those of the other names that the parameter has."""
    path, _, leaf = name.rpartition(".")
    try:
        owner = module.get_submodule(path)
        param = parameter_of(owner, leaf, pruned=hook_of(owner, leaf)[1] is not None)
    except AttributeError:
        raise UnknownTensorError(f"{type(module).__name__} has no tensor “{name}” to prune.") from None
    yield owner, leaf
    for other in module.modules():
        for key, one in other._parameters.items():
            if one is param:
                yield other, key.removesuffix("_orig") if hook_of(other, key.removesuffix("_orig"))[1] else key


def _mask(owner: nn.Module, leaf: str, name: str, result: Pruning) -> torch.Tensor:
    param = parameter_of(owner, leaf, pruned=hook_of(owner, leaf)[1] is not None)
    mask = result[name].mask
    if mask.shape != tuple(param.shape):
        raise LiveAssertionError(f"“{name}” has the shape {mask.shape} in the checkpoint, {tuple(param.shape)} here.")
    return mask.to_tensor().to(param.device)
