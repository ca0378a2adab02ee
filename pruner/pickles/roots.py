"""Where in a training checkpoint the weights are: beside them stand the optimizer's state, numbers and settings."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pruner.errors import PrunerError
from pruner.pickles.torch_objects import Weights, is_module, weights_of
from pruner.pickles.values import mapping_of
from pruner.words import counted

_PREFERRED = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
_NOT_WEIGHTS = re.compile(r"(^|_)(optim\w*|opt|\w*sched\w*|scaler|amp|rng|lr)(_|$)|^(callbacks|loops)$", re.IGNORECASE)
_DEPTH = 3
_MOST_VALUES = 1_000_000


@dataclass(frozen=True)
class Root:
    """A place that holds weights: `keys` lead to it from the top, `path` is them joined by dots."""

    keys: tuple[Any, ...]
    weights: Weights

    @property
    def path(self) -> str:
        """The key path as people give it; empty for the top."""
        return ".".join(str(key) for key in self.keys)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What of it is kept in the file and cannot be shown, in sentences."""
        weights, rest = self.weights, len(self.weights.rest) if self.keys else 0
        unknown = (
            f"“{name}” is a tensor of a kind that Secateur does not know: it is kept, and not shown."
            for name in weights.unknown
        )
        told = "is no tensor: it is" if rest == 1 else "are no tensors: they are"
        others = [f"{counted(rest, 'value')} under “{self.path}” {told} kept, and not shown."] if rest else []
        return (*unknown, *others)


def find_roots(top: Any) -> dict[str, Root]:
    """All places that hold weights, by key path, the one that the keys suggest first.

    An optimizer's state is never among them. Where the file's own dictionary holds tensors its path is empty.
    """
    found: dict[str, Root] = {}
    pending: deque[tuple[tuple[Any, ...], Any]] = deque()
    if not _is_training_state("", top):
        pending.append(((), top))
    seen: set[int] = set()
    while pending and len(seen) < _MOST_VALUES:
        keys, value = pending.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        weights = weights_of(value)
        if weights is not None:
            root = Root(keys, weights)
            found.setdefault(root.path, root)
        if len(keys) < _DEPTH:
            known = weights.tensors if weights is not None else {}
            pending += [
                ((*keys, key), entry)
                for key, entry in (mapping_of(value) or {}).items()
                if str(key) not in known and _may_hold_weights(entry) and not _is_training_state(str(key), entry)
            ]
    return {root.path: root for root in sorted(found.values(), key=_rank)}


def choose_root(roots: Mapping[str, Root], wanted: str | None) -> Root:
    """The root asked for, or the suggested one; raises `PrunerError` where there is none of that path."""
    if wanted is None:
        return next(iter(roots.values()))
    if wanted in roots:
        return roots[wanted]
    there = ", ".join(f"“{path}”" if path else "the file's own dictionary" for path in roots)
    raise PrunerError(f"there are no weights under “{wanted}”; there are under {there}")


def keys_beside(top: Any, root: Root) -> tuple[str, ...]:
    """The keys of the file beside the weights: on the way to them, or among them where they have no key."""
    if not root.keys:
        return root.weights.rest
    beside: list[str] = []
    value = top
    for depth, key in enumerate(root.keys):
        mapping = mapping_of(value) or {}
        beside += [".".join(map(str, (*root.keys[:depth], other))) for other in mapping if other != key]
        value = mapping[key]
    return tuple(beside)


def _may_hold_weights(value: Any) -> bool:
    """Whether a value below the top is worth a look: a tensor by itself stands beside weights, and is not them."""
    return isinstance(value, (list, tuple)) or mapping_of(value) is not None or is_module(value)


def _is_training_state(key: str, value: Any) -> bool:
    keys = mapping_of(value) or {}
    return bool(_NOT_WEIGHTS.search(key)) or {"state", "param_groups"} <= keys.keys()


def _rank(root: Root) -> tuple[int, int]:
    """Well-known names first, then the file's own dictionary, then the place with the most tensors."""
    last = str(root.keys[-1]) if root.keys else ""
    if len(root.keys) == 1 and last in _PREFERRED:
        order = _PREFERRED.index(last)
    elif not root.keys:
        order = len(_PREFERRED)
    else:
        order = len(_PREFERRED) + (1 if last in _PREFERRED else 2)
    return order, -len(root.weights.tensors)
