"""What the structured methods share: they prune whole channels along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pruner.live.amounts import count_of
from pruner.live.errors import LiveIndexError, LiveValueError


def require_channels(t: Tensor, dim: int, amount: Any) -> None:
    """Raise `ValueError` for a tensor of less than two dimensions or too great a count, `IndexError` for the `dim`."""
    if t.dim() <= 1:
        raise LiveValueError(
            "Structured pruning can only be applied to multidimensional tensors. "
            f"Found tensor of shape {t.shape} with {t.dim()} dims"
        )
    if not -t.dim() <= dim < t.dim():
        raise LiveIndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    count_of(amount, t.shape[dim])


def widened(compute: Callable[[Tensor, Tensor], Tensor], t: Tensor, default_mask: Tensor) -> Tensor:
    """`compute(t, default_mask)`, with float8 as float32: torch has no norms of it."""
    if all(one.dtype.itemsize > 1 or not one.is_floating_point() for one in (t, default_mask)):
        return compute(t, default_mask)
    return compute(t.to(torch.float32), default_mask.to(torch.float32)).to(default_mask.dtype)
