"""The pruned tensor: `orig * mask`, with 0 where the mask is 0, whatever stood there."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pruner.live.plain import is_plain
from pruner.pieces import pieces

_PIECE = 1 << 15
"""So many elements torch looks at in the thread that asks; several wait for one another where others compute too."""


def masked(orig: Tensor, mask: Tensor) -> Tensor:
    """`mask * orig` in the dtype of `orig`, but +0.0 where the mask is 0 and `orig` is NaN or infinite.

    The gradient is that of torch's product: 0 for a pruned element, and passed on for a kept one.
    """
    mask = mask.to(dtype=orig.dtype)
    product = mask * orig
    if not is_plain(orig, mask):  # what is traced, compiled or transformed
        return torch.where(mask == 0, orig.new_zeros(()), product)
    values = product.detach()
    if not _is_finite(values):  # unseen by autograd, to which a product's gradient is right in any case
        torch.where(mask == 0, values.new_zeros(()), values, out=values)
    return product


def _is_finite(values: Tensor) -> bool:
    """Whether there is no NaN and no infinity; False where that takes longer to see than to take them out."""
    if not values.is_floating_point() and not values.is_complex():
        return True
    if not values.is_cpu or values.is_complex() or values.dtype.itemsize == 1:
        return False
    return values.numel() == 0 or all(
        math.isfinite(end.item()) for (piece,) in pieces(_PIECE, values) for end in torch.aminmax(piece)
    )
