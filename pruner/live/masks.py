"""Masks before a round: of ones without the memory of ones, as bits, and combined with what a round adds."""

from __future__ import annotations

import torch
from torch import Tensor

from pruner.elements import OtherNumbersError, elements_in, mask_in
from pruner.live.plain import is_plain
from pruner.mask import Mask
from pruner.parallel import threads_here


def ones_for(tensor: Tensor) -> Tensor:
    """A mask of ones of the tensor's shape, dtype and device, as one element that is seen everywhere: read it only."""
    return torch.ones((), dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)


def is_ones(mask: Tensor) -> bool:
    """Whether a mask is one of `ones_for`."""
    return mask.numel() > 1 and not any(mask.stride()) and is_plain(mask) and bool(mask.as_strided((), ()).item() == 1)


def on_top_of(default_mask: Tensor, mask: Tensor) -> Tensor:
    """The product of two masks of one shape, in the dtype of the first and the strides of the second."""
    return torch.mul(mask.to(default_mask.dtype), default_mask)


def bits_of(mask: Tensor) -> Mask | None:
    """A mask of 0 and 1, of any dtype, strides and device, one bit an element; None where it has other numbers."""
    try:
        return mask_in(elements_in(mask, threads=threads_here()))
    except OtherNumbersError:
        return None
