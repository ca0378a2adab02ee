"""Masks before a round: of ones without the memory of ones, and combined with what a round adds."""

from __future__ import annotations

import torch
from torch import Tensor

from pruner.pieces import pieces


def ones_for(tensor: Tensor) -> Tensor:
    """A mask of ones of the tensor's shape, dtype and device, as one element that is seen everywhere: read it only."""
    return torch.ones((), dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)


def is_ones(mask: Tensor) -> bool:
    """Whether a mask is one of `ones_for`."""
    return mask.numel() > 1 and not any(mask.stride()) and mask.as_strided((), ()).item() == 1


def on_top_of(default_mask: Tensor, mask: Tensor) -> Tensor:
    """The product of two masks of one shape, in the dtype of the first and the strides of the second."""
    return torch.mul(mask.to(default_mask.dtype), default_mask)


def is_binary(mask: Tensor) -> bool:
    """Whether a mask, of any dtype, has nothing but 0 and 1."""
    if mask.dtype == torch.bool or mask.device.type == "meta":
        return True
    return all(bool(((one == 0) | (one == 1)).all()) for (one,) in pieces(1 << 20, mask.detach()))
