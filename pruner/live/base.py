"""The base of all methods: torch's, with rounds that succeed as a whole or change nothing."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.errors import LiveAssertionError, LiveAttributeError
from pruner.live.product import masked


class BasePruningMethod(torch_prune.BasePruningMethod):
    """Base of methods for live modules; subclass it as torch's: give `compute_mask` and `PRUNING_TYPE`.

    An instance is the forward pre-hook that sets `module.NAME` to `NAME_orig` with `NAME_mask` on. Source of names,
    signatures and meaning: `torch.nn.utils.prune.BasePruningMethod`.
    """

    _owner: weakref.ref[nn.Module] | None = None

    def __call__(self, module: nn.Module, inputs: Any) -> None:
        """Set the pruned tensor anew, from what the original and the mask are now."""
        self._owner = weakref.ref(module)
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: nn.Module) -> Tensor:
        """The original times the mask, of its shape and dtype; +0.0 where the mask is 0 and the original not finite.

        Changes nothing. Raises `AttributeError` where the method or the module is not in use for pruning.
        """
        name = self._tensor_name
        return masked(getattr(module, name + "_orig"), getattr(module, name + "_mask"))

    @classmethod
    def apply(
        cls, module: nn.Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> torch_prune.BasePruningMethod:
        """Prune `module.NAME` by one round of this method, and return the hook.

        The parameter becomes `NAME_orig`, the mask the buffer `NAME_mask`, `NAME` their product; a second round makes
        the hook a `PruningContainer`, and acts on what the first left. `importance_scores` has the tensor's shape;
        without it the values count, in a later round those of `NAME_orig`. Other arguments go to the method.

        Raises `AttributeError` for a name that is not there, `TypeError` for what is not a parameter (such as a bias
        that is None), `AssertionError` for scores of another shape, and what the method raises. After an error the
        module is as it was. Warns for `MultiheadAttention.out_proj`, whose hooks torch never runs.
        """
        from pruner.live.rounds import one_round

        return one_round(cls, module, name, args, importance_scores, kwargs)

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A pruned copy of a bare tensor; `default_mask` and `importance_scores` have its shape.

        As in torch, the amount counts over the whole tensor, whatever the default mask. Raises `AssertionError` for
        scores of another shape, and what the method raises.
        """
        if importance_scores is not None and importance_scores.shape != t.shape:
            raise LiveAssertionError(
                f"importance_scores should have the same shape as tensor t, got {importance_scores.shape} vs {t.shape}"
            )
        scores = t if importance_scores is None else importance_scores
        compute: Callable[..., Tensor] = self.compute_mask
        mask = compute(scores, default_mask=torch.ones_like(t) if default_mask is None else default_mask)
        return masked(t.to(torch.promote_types(t.dtype, mask.dtype)) if t.dtype != mask.dtype else t, mask)

    def remove(self, module: nn.Module) -> None:
        """Make the pruning permanent: the parameter is back under its name, with +0.0 where it was pruned."""
        with torch.no_grad():
            make_permanent(module, self._tensor_name, self.apply_mask(module))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_owner"}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The copy; with it the module's pruned tensor, which `copy` meets next and cannot copy (it has a history)."""
        found = copy.copy(self)
        memo[id(self)] = found
        found.__dict__.update(copy.deepcopy(self.__getstate__(), memo))
        module = self._owner() if self._owner else None
        if module is not None and id(module) in memo:
            found._owner = weakref.ref(memo[id(module)])
            self._copy_pruned(module, memo)
        return found

    def _copy_pruned(self, module: nn.Module, memo: dict[int, Any]) -> None:
        pruned = module.__dict__.get(self._tensor_name)
        orig = module._parameters.get(f"{self._tensor_name}_orig")
        mask = module._buffers.get(f"{self._tensor_name}_mask")
        if isinstance(pruned, Tensor) and pruned.grad_fn is not None and orig is not None and mask is not None:
            memo[id(pruned)] = masked(copy.deepcopy(orig, memo), copy.deepcopy(mask, memo))


def make_permanent(module: nn.Module, name: str, pruned: Tensor) -> None:
    """Put the parameter back under its name, with the values `pruned` and +0.0 where the mask is 0."""
    orig, mask = module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
    if orig is None or mask is None:
        raise LiveAttributeError(f"“{name}” of {module} has lost its “{name}_orig” or its “{name}_mask”.")
    with torch.no_grad():
        weight = torch.where(mask == 0, torch.zeros((), dtype=pruned.dtype, device=pruned.device), pruned)
    if hasattr(module, name):
        delattr(module, name)
    orig.data = weight
    del module._parameters[f"{name}_orig"]
    del module._buffers[f"{name}_mask"]
    setattr(module, name, orig)
