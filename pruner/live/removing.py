"""Pruning made permanent, and whether there is any."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruner.live.base import make_permanent
from pruner.live.errors import LiveValueError
from pruner.live.product import masked

_TORCHS = torch_prune.BasePruningMethod.remove, torch_prune.BasePruningMethod.apply_mask


def remove(module: nn.Module, name: str) -> nn.Module:
    """Make the pruning of `module.NAME` permanent, by ours or by torch's method; returns the module.

    The parameter is again under its name, the same object as before, +0.0 where it was pruned; `NAME_orig`, `NAME_mask`
    and the hook are gone. Raises `ValueError` where the tensor is not pruned.
    """
    for number, hook in module._forward_pre_hooks.items():
        if isinstance(hook, torch_prune.BasePruningMethod) and hook._tensor_name == name:
            if (type(hook).remove, type(hook).apply_mask) == _TORCHS:
                with torch.no_grad():
                    pruned = masked(getattr(module, f"{name}_orig"), getattr(module, f"{name}_mask"))
                make_permanent(module, name, pruned)
            else:
                hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise LiveValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: nn.Module) -> bool:
    """Whether any tensor of the module, or of a module in it, is pruned, by ours or by torch's methods."""
    return any(
        isinstance(hook, torch_prune.BasePruningMethod)
        for one in module.modules()
        for hook in one._forward_pre_hooks.values()
    )
