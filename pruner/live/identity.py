"""No pruning, but the names and the hook of it."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.utils import prune as torch_prune

from pruner.live.base import BasePruningMethod


class Identity(torch_prune.Identity, BasePruningMethod):  # type: ignore[misc]
    """Keeps everything: the mask is the one before, at first of ones. `Identity.apply(module, name)`."""


def identity(module: nn.Module, name: str) -> nn.Module:
    """Give `module.NAME` its `NAME_orig`, `NAME_mask` of ones and hook; returns the module.

    Raises as `BasePruningMethod.apply`.
    """
    _apply: Any = Identity.apply
    _apply(module, name)
    return module
