"""The hook of a tensor that has been pruned more than once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import count_of
from pruner.live.base import BasePruningMethod
from pruner.live.errors import LiveIndexError, LiveTypeError, LiveValueError
from pruner.live.l1_unstructured import L1Unstructured
from pruner.live.masks import bits_of
from pruner.live.smallest import can_be_ranked, kept_mask

_L1 = (L1Unstructured.compute_mask, torch_prune.L1Unstructured.compute_mask)
"""As they are here: a subclass's or a mock's own is called instead."""


class PruningContainer(torch_prune.PruningContainer, BasePruningMethod):
    """The methods that were applied to a tensor, in their order; `PruningContainer(*methods)`, a sequence of them."""

    @classmethod
    def taking_over(cls, hook: torch_prune.BasePruningMethod) -> PruningContainer:
        """A container of a hook, or of what is in it where it is one already."""
        if isinstance(hook, cls):
            return hook
        made: Any = cls()
        made._tensor_name = hook._tensor_name
        for method in hook if isinstance(hook, torch_prune.PruningContainer) else [hook]:
            made.add_pruning_method(method)
        return made  # type: ignore[no-any-return]

    def add_pruning_method(self, method: Any) -> None:
        """Add a method. Raises `TypeError` for what is none, `ValueError` for one of another tensor."""
        if not isinstance(method, torch_prune.BasePruningMethod) and method is not None:
            raise LiveTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise LiveValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods = (*self._pruning_methods, method)  # type: ignore[arg-type]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The default mask with the last method's choice pruned among what it keeps: of its shape, of the dtype of `t`.

        What the method sees goes by its `PRUNING_TYPE`: `unstructured` the kept elements, flat; `structured` the
        channels along its `dim` that are not pruned as a whole; `global` all. Raises what the method raises.
        """
        method = self._pruning_methods[-1]
        if type(method).compute_mask in _L1 and can_be_ranked(t, default_mask):
            before_it = bits_of(default_mask)
            if before_it is not None:
                k = count_of(method.amount, before_it.kept)  # type: ignore[attr-defined]
                return kept_mask(t, before_it, k, t.dtype)
        dim = getattr(method, "dim", 0)
        if method.PRUNING_TYPE == "structured" and not -t.dim() <= dim < t.dim():  # type: ignore[attr-defined]
            raise LiveIndexError(f"Index {dim} is out of bounds for tensor with dimensions {t.dim()}")
        narrow = [one.dtype.itemsize == 1 and one.is_floating_point() for one in (t, default_mask)]
        scores = t.to(torch.float32) if narrow[0] else t
        own = default_mask.clone(memory_format=torch.contiguous_format)  # for methods that write to it
        before = own.to(torch.float32) if narrow[1] else own
        compute: Callable[..., Tensor] = super().compute_mask
        found = compute(scores, before)
        return found.to(t.dtype)
