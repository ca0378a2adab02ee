"""One amount over several tensors together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from pruner.live.amounts import count_of
from pruner.live.container import _L1, PruningContainer
from pruner.live.custom_from_mask import CustomFromMask
from pruner.live.errors import LiveIndexError, LiveRuntimeError, LiveTypeError
from pruner.live.masks import bits_of
from pruner.live.rounds import hook_of, mask_of, parameter_of, unchanged_on_failure
from pruner.live.smallest import can_be_ranked, kept_masks
from pruner.mask import Mask

Place = tuple[nn.Module, str]


def global_unstructured(
    parameters: Iterable[Place],
    pruning_method: Any,
    importance_scores: dict[Place, Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several tensors as if they were one: `parameters` are pairs of a module and a name.

    `pruning_method` is a class whose `PRUNING_TYPE` is `unstructured`, ours or another; `kwargs`, such as `amount`, go
    to it. `importance_scores` gives scores of a tensor's shape to some or all of the pairs. A parameter that several
    modules share counts once, and gets the same mask in all that are named.

    Raises `TypeError` for another type of method or of arguments, `RuntimeError` where there are no parameters,
    `IndexError` for scores of another size, and as `BasePruningMethod.apply`; nothing has changed then.
    """
    if not isinstance(parameters, Iterable):
        raise LiveTypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise LiveTypeError("global_unstructured(): importance_scores must be of type dict")
    places = list(dict.fromkeys((module, name) for module, name in parameters))
    if not places:
        raise LiveRuntimeError("global_unstructured(): there are no parameters to prune")
    owners = [parameter_of(module, name, pruned=hook_of(module, name)[1] is not None) for module, name in places]
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise LiveTypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    masks = _masks(places, owners, scores, method)
    with unchanged_on_failure(*{module for module, _ in places}):
        for (module, name), owner in zip(places, owners, strict=True):
            _put(module, name, masks[id(owner)])


def _masks(
    places: Sequence[Place], owners: Sequence[nn.Parameter], scores: dict[Place, Tensor], method: Any
) -> dict[int, Tensor]:
    """The new mask of each parameter, by its identity."""
    values: dict[int, Tensor] = {}
    before: dict[int, Tensor | None] = {}
    for place, owner in zip(places, owners, strict=True):
        one = scores.get(place, owner)
        if one.numel() != owner.numel():
            raise LiveIndexError(f"“{place[1]}” has {owner.numel()} elements, its importance_scores {one.numel()}")
        values.setdefault(id(owner), one.detach().reshape(owner.shape))
        mask = mask_of(*place) if hook_of(*place)[1] is not None else None
        other = before.get(id(owner))
        before[id(owner)] = mask if other is None else other if mask is None else other * mask
    if len({one.device for one in values.values()}) > 1:
        raise LiveTypeError("Found two parameters on different devices, this is currently not supported.")
    if type(method).compute_mask in _L1 and can_be_ranked(*values.values()):
        bits = [
            Mask.ones(tuple(one.shape)) if (mask := before[key]) is None else bits_of(mask)
            for key, one in values.items()
        ]
        kept = [one for one in bits if one is not None]
        if len(kept) == len(bits):
            k = count_of(method.amount, sum(one.kept for one in kept))
            types = {id(owner): owner.dtype for owner in owners}
            made = kept_masks(list(values.values()), kept, k, [types[key] for key in values])
            return dict(zip(values, made, strict=True))
    return _masks_by_joining(values, before, method)


def _masks_by_joining(
    values: dict[int, Tensor], before: dict[int, Tensor | None], method: torch_prune.BasePruningMethod
) -> dict[int, Tensor]:
    """Masks by any method: it sees one vector, as torch's do."""
    container = PruningContainer()
    container._tensor_name = "temp"
    container.add_pruning_method(method)
    joined = torch.cat([one.reshape(-1) for one in values.values()])
    defaults = [
        torch.ones_like(one).reshape(-1) if (mask := before[key]) is None else mask.reshape(-1)
        for key, one in values.items()
    ]
    mask = container.compute_mask(joined, default_mask=torch.cat(defaults))
    parts = torch.split(mask, [one.numel() for one in values.values()])
    return {key: part.view(one.shape) for (key, one), part in zip(values.items(), parts, strict=True)}


def _put(module: nn.Module, name: str, mask: Tensor) -> None:
    apply: Any = CustomFromMask.apply
    hook = apply(module, name, mask)
    last = hook[-1] if isinstance(hook, torch_prune.PruningContainer) else hook
    last.mask = getattr(module, f"{name}_mask")  # one copy is enough
