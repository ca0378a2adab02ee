"""A mask that was made elsewhere."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.base import BasePruningMethod
from pruner.live.errors import LiveAssertionError, LiveValueError
from pruner.live.masks import bits_of, is_ones, on_top_of
from pruner.live.plain import is_plain


class CustomFromMask(torch_prune.CustomFromMask, BasePruningMethod):  # type: ignore[misc]
    """Prunes where `mask` is 0. Raises `ValueError` for a mask with other numbers than 0 and 1, which torch takes.

    `CustomFromMask.apply(module, name, mask)`.
    """

    def __init__(self, mask: Tensor) -> None:
        looked_at = isinstance(mask, Tensor) and mask.dtype != torch.bool and is_plain(mask)
        if looked_at and bits_of(mask) is None:
            raise LiveValueError("A mask has 0, which prunes, and 1, which keeps; this one has other numbers.")
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask times this one, of its dtype. Raises `AssertionError` where the shapes differ."""
        if default_mask.shape != self.mask.shape:
            raise LiveAssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        if is_ones(default_mask):
            found: Tensor = self.mask.to(dtype=default_mask.dtype, copy=True)
            return found
        return on_top_of(default_mask, self.mask)


def custom_from_mask(module: nn.Module, name: str, mask: Tensor) -> nn.Module:
    """Prune the elements of `module.NAME` where `mask`, of its shape, is 0; returns the module.

    Raises as `BasePruningMethod.apply`, and `ValueError` for a mask that is not of 0 and 1.
    """
    _apply: Any = CustomFromMask.apply
    _apply(module, name, mask)
    return module
