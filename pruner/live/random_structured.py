"""Whole channels at random."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import require_amount
from pruner.live.base import BasePruningMethod
from pruner.live.channels import require_channels, widened


class RandomStructured(torch_prune.RandomStructured, BasePruningMethod):  # type: ignore[misc]
    """Prunes `amount` channels along `dim` at random, after the same `torch.manual_seed` the same as torch's.

    `amount` is a ratio of the channels that are left (float in [0, 1]) or a count (int). Raises `TypeError` or
    `ValueError` for other amounts. `RandomStructured.apply(module, name, amount, dim=-1)`.
    """

    def __init__(self, amount: float | int, dim: int = -1) -> None:
        require_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask with channels of `t` pruned, of its shape.

        Raises `ValueError` for less than two dimensions or too great a count, `IndexError` for a `dim` out of range.
        """
        require_channels(t, self.dim, self.amount)
        return widened(super().compute_mask, t, default_mask)


def random_structured(module: nn.Module, name: str, amount: float | int, dim: int) -> nn.Module:
    """Prune `amount` of the channels of `module.NAME` along `dim` that are left, at random; returns the module.

    Raises as `BasePruningMethod.apply` and `RandomStructured`.
    """
    _apply: Any = RandomStructured.apply
    _apply(module, name, amount, dim)
    return module
