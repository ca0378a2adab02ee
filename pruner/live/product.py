"""The pruned tensor: `orig * mask`, with 0 where the mask is 0, whatever stood there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pruner.parallel import in_order, threads_here

_PIECE = 1 << 15
"""torch works on so many elements in the thread that asks."""
_MANY = 1 << 19
_RUN = 1 << 20
"""Elements that are worth a thread's turn."""


def masked(orig: Tensor, mask: Tensor) -> Tensor:
    """`mask * orig` in the dtype of `orig`, but +0.0 where the mask is 0 and `orig` is NaN or infinite.

    The gradient of a pruned element is 0, that of a kept one is passed on, as by torch's product.
    """
    mask = mask.to(dtype=orig.dtype)
    if not _is_ordinary(orig, mask):
        return _by_operations(orig, mask)
    if orig.numel() < _MANY or not (orig.is_contiguous() and mask.is_contiguous()):
        found = mask * orig
        return found if math.isfinite(found.detach().sum().item()) else _by_operations(orig, mask)
    if torch.is_grad_enabled() and orig.requires_grad:
        return _apply(orig, mask)
    return _in_pieces(orig.detach(), mask.detach())


class _Masked(torch.autograd.Function):
    """The product in one pass; autograd keeps nothing but the mask, as for a plain product."""

    @staticmethod
    def forward(ctx: Any, orig: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return _in_pieces(orig, mask)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return masked(gradients[0], mask), None


_apply: Callable[[Tensor, Tensor], Tensor] = _Masked.apply


def _is_ordinary(orig: Tensor, mask: Tensor) -> bool:
    """Whether numbers can be looked at: on the CPU, dense, and nobody is recording what happens to them."""
    return (
        orig.device.type == mask.device.type == "cpu"
        and all(type(one) in (Tensor, torch.nn.Parameter) and one.layout == torch.strided for one in (orig, mask))
        and orig.is_floating_point()
        and orig.dtype.itemsize > 1
        and orig.shape == mask.shape
        and not mask.requires_grad
        and not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and not torch._C._are_functorch_transforms_active()
        and not torch.utils._python_dispatch._get_current_dispatch_mode()
    )


def _by_operations(orig: Tensor, mask: Tensor) -> Tensor:
    """By torch's own operations, which can be traced, compiled and transformed."""
    return torch.where(mask == 0, torch.zeros((), dtype=orig.dtype, device=orig.device), mask * orig)


def _in_pieces(orig: Tensor, mask: Tensor) -> Tensor:
    out = torch.empty_like(orig, requires_grad=False)
    for _ in in_order(_multiply, _split(_RUN, orig.view(-1), mask.view(-1), out.view(-1)), threads_here()):
        pass
    return out


def _split(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(torch.split(one, size) for one in tensors), strict=True)


def _multiply(run: tuple[Tensor, ...]) -> None:
    """Products; where one is not finite, a second look at what is pruned. A sum tells, and costs no memory."""
    with torch.no_grad():
        for orig, mask, out in _split(_PIECE, *run):
            torch.mul(orig, mask, out=out)
            if not math.isfinite(out.sum().item()):
                out.masked_fill_(mask == 0, 0)
