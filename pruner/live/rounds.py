"""One round on one tensor of a live module: all of it, or nothing."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.utils import prune as torch_prune

from pruner.live.base import BasePruningMethod
from pruner.live.container import PruningContainer
from pruner.live.custom_from_mask import CustomFromMask
from pruner.live.errors import LiveAssertionError, LiveAttributeError, LiveTypeError
from pruner.live.l1_unstructured import L1Unstructured
from pruner.live.masks import ones_for
from pruner.live.plain import is_plain
from pruner.live.product import masked
from pruner.live.random_unstructured import RandomUnstructured

_READ_ONLY = tuple(one.compute_mask for one in (L1Unstructured, RandomUnstructured, CustomFromMask))
"""These neither change nor keep the default mask; others may, and get one of their own."""


def one_round(
    cls: type[BasePruningMethod],
    module: nn.Module,
    name: str,
    args: Sequence[Any],
    importance_scores: Tensor | None,
    kwargs: Mapping[str, Any],
) -> torch_prune.BasePruningMethod:
    """See `BasePruningMethod.apply`."""
    number, old = hook_of(module, name)
    method = cls(*args, **kwargs)
    method._tensor_name = name
    orig = parameter_of(module, name, pruned=old is not None)
    if importance_scores is not None and importance_scores.shape != orig.shape:
        raise LiveAssertionError(
            f"importance_scores should have the same shape as parameter {name} of {module}, "
            f"got {importance_scores.shape} vs {orig.shape}"
        )
    if old is None:
        _warn_of_hooks_that_never_run(module, name)
        mask = _first_mask(method, orig, importance_scores)
        with unchanged_on_failure(module):
            module.register_parameter(f"{name}_orig", orig)
            del module._parameters[name]
            _put(module, name, method, mask)
        return method
    container = PruningContainer.taking_over(old)
    with unchanged_on_failure(module):
        container.add_pruning_method(method)
        default = mask_of(module, name)
        scores = importance_scores if importance_scores is not None else _left(method, orig, default)
        mask = container.compute_mask(scores, default_mask=default)
        del module._forward_pre_hooks[number]
        _put(module, name, container, mask)
    return container


def hook_of(module: nn.Module, name: str) -> tuple[int, torch_prune.BasePruningMethod | None]:
    """The hook that prunes a tensor, ours or torch's, and its number; None where it is not pruned.

    Raises `AssertionError` where there are several.
    """
    found = [
        (number, hook)
        for number, hook in module._forward_pre_hooks.items()
        if isinstance(hook, torch_prune.BasePruningMethod) and hook._tensor_name == name
    ]
    if len(found) > 1:
        raise LiveAssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a PruningContainer."
        )
    return found[0] if found else (-1, None)


def parameter_of(module: nn.Module, name: str, *, pruned: bool) -> nn.Parameter:
    """The parameter behind `module.NAME`, `NAME_orig` where it is pruned.

    Raises `AttributeError` for a name that is not there and `TypeError` for what is no parameter.
    """
    stored = f"{name}_orig" if pruned else name
    if module._parameters.get(stored) is not None:
        found = module._parameters[stored]
        assert found is not None
        return found
    if not hasattr(module, stored):
        raise LiveAttributeError(f"'{type(module).__name__}' object has no attribute '{stored}'")
    kind = "None" if getattr(module, stored) is None else "no parameter"
    raise LiveTypeError(f"“{stored}” of {type(module).__name__} is {kind}; only parameters can be pruned.")


def mask_of(module: nn.Module, name: str) -> Tensor:
    """The mask of a pruned tensor; raises `AttributeError` where it is gone."""
    found: Tensor = getattr(module, f"{name}_mask")
    return found.detach()


@contextmanager
def unchanged_on_failure(*modules: nn.Module) -> Iterator[None]:
    """Put back the modules' parameters, buffers, hooks and attributes, in their order, when something fails inside."""
    kept = [(part, part.copy()) for module in modules for part in _parts(module)]
    containers = [
        (hook, hook._pruning_methods)
        for module in modules
        for hook in module._forward_pre_hooks.values()
        if isinstance(hook, torch_prune.PruningContainer)
    ]
    try:
        yield
    except BaseException:
        for part, saved in kept:
            part.clear()
            part.extend(saved) if isinstance(part, list) else part.update(saved)
        for hook, methods in containers:
            hook._pruning_methods = methods
        raise


def _parts(module: nn.Module) -> list[Any]:
    """All that a round can change: the dictionaries of a module, and the lists where recurrent ones keep weights."""
    lists = [one for one in module.__dict__.values() if isinstance(one, list)]
    return [module._parameters, module._buffers, module._forward_pre_hooks, *lists, module.__dict__]


def _first_mask(method: BasePruningMethod, orig: nn.Parameter, scores: Tensor | None) -> Tensor:
    read_only = type(method).compute_mask in _READ_ONLY and is_plain(orig)
    default = ones_for(orig) if read_only else torch.ones_like(orig)
    compute: Callable[..., Tensor] = method.compute_mask
    return compute(orig if scores is None else scores, default_mask=default)


def _left(method: BasePruningMethod, orig: nn.Parameter, mask: Tensor) -> Tensor:
    """What counts in a later round: the values as they are now, pruned elements 0 where the method sees them."""
    unstructured = getattr(method, "PRUNING_TYPE", None) == "unstructured"
    return orig if unstructured else masked(orig.detach(), mask)


def _put(module: nn.Module, name: str, hook: torch_prune.BasePruningMethod, mask: Tensor) -> None:
    module.register_buffer(f"{name}_mask", mask)
    pruned = hook.apply_mask(module)  # type: ignore[no-untyped-call]
    if isinstance(hook, BasePruningMethod):
        hook._owner = weakref.ref(module)
    module.register_forward_pre_hook(hook)
    setattr(module, name, pruned)


def _warn_of_hooks_that_never_run(module: nn.Module, name: str) -> None:
    if isinstance(module, NonDynamicallyQuantizableLinear):
        warnings.warn(
            f"MultiheadAttention reads “{name}” of its out_proj without calling it, so that no hook sets it anew: "
            f"after an optimizer's step, a load or a move, call `hook(out_proj, ())` for the hook of “{name}”, "
            "or `remove` the pruning first.",
            UserWarning,
            stacklevel=6,
        )
