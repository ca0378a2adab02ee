"""Whole channels with the smallest norms."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import require_amount
from pruner.live.base import BasePruningMethod
from pruner.live.channels import require_channels, widened


class LnStructured(torch_prune.LnStructured, BasePruningMethod):  # type: ignore[misc]
    """Prunes `amount` channels along `dim`, those of the smallest `n`-norm (`n` as `torch.norm` takes it).

    `amount` is a ratio of the channels that are left (float in [0, 1]) or a count (int). Raises `TypeError` or
    `ValueError` for other amounts. `LnStructured.apply(module, name, amount, n, dim, importance_scores=None)`.
    """

    def __init__(self, amount: float | int, n: int | float | str, dim: int = -1) -> None:
        require_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask with channels of `t` pruned, of its shape.

        Raises `ValueError` for less than two dimensions or too great a count, `IndexError` for a `dim` out of range.
        """
        require_channels(t, self.dim, self.amount)
        return widened(super().compute_mask, t, default_mask)


def ln_structured(
    module: nn.Module,
    name: str,
    amount: float | int,
    n: int | float | str,
    dim: int,
    importance_scores: Tensor | None = None,
) -> nn.Module:
    """Prune `amount` of the channels of `module.NAME` along `dim` that are left, by `n`-norm; returns the module.

    `importance_scores`, of the tensor's shape, count in place of its values. Raises as `BasePruningMethod.apply` and
    `LnStructured`.
    """
    _apply: Any = LnStructured.apply
    _apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module
