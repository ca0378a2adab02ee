"""Single elements with the smallest magnitudes."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import count_of, require_amount
from pruner.live.base import BasePruningMethod
from pruner.live.masks import is_ones, on_top_of
from pruner.live.smallest import can_be_ranked, kept_mask
from pruner.mask import Mask


class L1Unstructured(torch_prune.L1Unstructured, BasePruningMethod):  # type: ignore[misc]
    """Prunes exactly `amount` elements, those of the smallest magnitude; ties in the order of the flat index, NaN last.

    `amount` is a ratio (float in [0, 1]) or a count (int). Raises `TypeError` or `ValueError` for other amounts.
    `L1Unstructured.apply(module, name, amount, importance_scores=None)`.
    """

    def __init__(self, amount: float | int) -> None:
        require_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask with the smallest of all of `t` pruned: of the default mask's dtype and shape.

        `t` has any dtype with a magnitude and any strides. Raises `ValueError` for a count above its size.
        """
        k = count_of(self.amount, t.nelement())
        if not can_be_ranked(t, default_mask):
            found: Tensor = super().compute_mask(t, default_mask)  # type: ignore[no-untyped-call]
            return found
        mask = kept_mask(t, Mask.ones(tuple(t.shape)), k, default_mask.dtype)
        return mask if is_ones(default_mask) else on_top_of(default_mask, mask)


def l1_unstructured(
    module: nn.Module, name: str, amount: float | int, importance_scores: Tensor | None = None
) -> nn.Module:
    """Prune `amount` of the elements of `module.NAME` that are left, by magnitude; returns the module.

    `importance_scores`, of the tensor's shape, count in place of its values. Raises as `BasePruningMethod.apply`, and
    `TypeError` or `ValueError` for wrong amounts.
    """
    _apply: Any = L1Unstructured.apply
    _apply(module, name, amount=amount, importance_scores=importance_scores)
    return module
