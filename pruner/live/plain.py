"""Which tensors have numbers to look at; all others go through torch's own operations."""

from __future__ import annotations

import torch
from torch import Tensor


def is_plain(*tensors: Tensor) -> bool:
    """Whether tensors are dense and in memory, of torch's own class, and nobody records what happens to them."""
    return (
        all(
            type(one) in (Tensor, torch.nn.Parameter) and one.layout == torch.strided and not one.is_meta
            for one in tensors
        )
        and not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and not torch._C._are_functorch_transforms_active()
        and not torch.utils._python_dispatch._get_current_dispatch_mode()
    )
