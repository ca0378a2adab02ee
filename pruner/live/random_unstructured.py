"""Single elements at random."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import count_of, require_amount
from pruner.live.base import BasePruningMethod


class RandomUnstructured(torch_prune.RandomUnstructured, BasePruningMethod):  # type: ignore[misc]
    """Prunes exactly `amount` elements at random, after the same `torch.manual_seed` the same as torch's.

    `amount` is a ratio (float in [0, 1]) or a count (int). Raises `TypeError` or `ValueError` for other amounts.
    `RandomUnstructured.apply(module, name, amount)`.
    """

    def __init__(self, amount: float | int) -> None:
        require_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask with elements of all of `t` pruned: of the default mask's dtype and shape, contiguous.

        Raises `ValueError` for a count above the size of `t`.
        """
        k = count_of(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=torch.contiguous_format)
        if k:
            dtype = torch.float32 if t.dtype.itemsize == 1 and t.is_floating_point() else t.dtype
            chance = torch.rand_like(t, dtype=dtype, memory_format=torch.contiguous_format)
            # unsorted, the same elements are found in a fraction of the time
            mask.view(-1)[torch.topk(chance.view(-1), k=k, sorted=False).indices] = 0
        return mask


def random_unstructured(module: nn.Module, name: str, amount: float | int) -> nn.Module:
    """Prune `amount` of the elements of `module.NAME` that are left, at random; returns the module.

    Raises as `BasePruningMethod.apply`, and `TypeError` or `ValueError` for wrong amounts.
    """
    _apply: Any = RandomUnstructured.apply
    _apply(module, name, amount)
    return module
