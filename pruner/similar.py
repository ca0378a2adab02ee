"""Groups of tensors of a kind, so that one amount can be given to all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.plan import is_candidate

_BY_DIMENSIONS = {1: "vectors", 2: "matrices", 3: "1-D convolutions", 4: "convolutions", 5: "3-D convolutions"}


@dataclass(frozen=True, slots=True)
class Group:
    """Tensors that have something in common; `title` says what."""

    title: str
    names: tuple[str, ...]


def groups_of(checkpoint: Checkpoint, name: str) -> tuple[Group, ...]:
    """The groups of prunable tensors that a tensor belongs to, the most alike first; each has at least two."""
    info = checkpoint[name]
    own = name.rpartition(".")[2]
    types = {module.name: module.type for module in checkpoint.modules}
    made = [Group(title, names) for title, names in _groups(checkpoint, info, own, types) if len(names) > 1]
    unique: dict[tuple[str, ...], Group] = {}
    for group in made:
        unique.setdefault(group.names, group)
    return tuple(unique.values())


def _groups(
    checkpoint: Checkpoint, info: TensorInfo, own: str, types: dict[str, str | None]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    candidates = [one for one in checkpoint.tensors.values() if is_candidate(one) and one.numel]
    kind = types.get(info.module)
    named = [one for one in candidates if one.name.rpartition(".")[2] == own]
    if kind is not None:
        label = kind.rpartition(".")[2]
        yield f"{own} of every {label}", tuple(one.name for one in named if types.get(one.module) == kind)
    dimensions = len(info.shape)
    label = _BY_DIMENSIONS.get(dimensions, f"{dimensions} dimensions")
    yield f"{own} of all {label}", tuple(one.name for one in named if len(one.shape) == dimensions)
    yield f"every {own}", tuple(one.name for one in named)
    parts = info.module.split(".") if info.module else []
    for depth in range(len(parts), 0, -1):
        module = ".".join(parts[:depth])
        yield f"all of {module}", tuple(one.name for one in candidates if one.name.startswith(f"{module}."))
    yield "all parameters", tuple(one.name for one in candidates)
