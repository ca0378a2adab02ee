"""The nested dictionaries that a torch.distributed.checkpoint was saved from, and the tensors in them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pruner.checkpoint import contiguous_stride
from pruner.distributed.metadata import DEEPEST, MOST_ELEMENTS, is_called, sizes
from pruner.errors import damaged
from pruner.pickles.values import Call, Global, Persistent, attributes_of, mapping_of

_OPTIMIZER = re.compile(r"((\w+_)?optim(izer)?s?(_states?|_state_dict)?|(\w+_)?scheduler|rng_state)\.", re.IGNORECASE)
_STATE = frozenset({"state", "param_groups"})
_KEYS = frozenset({str, int})
_REBUILD, _STORAGE = Global("torch._utils", "_rebuild_tensor_v3"), Global("torch.storage", "UntypedStorage")


class Described(NamedTuple):
    """What the metadata say of a tensor beside its shape and dtype."""

    strided: bool
    chunks: list[Any]


def tensors_and_tree(metadata: Path, saved: Mapping[Any, Any]) -> tuple[dict[str, Described], dict[str | int, Any]]:
    """The tensors by key, and the nested dictionaries that were saved, as a pickle of torch would describe them.

    `saved` are the metadata's attributes. An optimizer's state is there without its tensors where its own keys give
    it away.
    """
    paths = mapping_of(saved.get("planner_data")) or {}
    tensors: dict[str, Described] = {}
    top: dict[str | int, Any] = {}
    for key, value in (mapping_of(saved.get("state_dict_metadata")) or {}).items():
        if type(key) is not str:
            raise damaged(metadata, "a key is no text")
        leaf = None
        if is_called(value, "TensorStorageMetadata"):
            tensors[key], leaf = _described(metadata, key, value)
        _put(metadata, top, _path(key, paths.get(key)), leaf)
    _hide_optimizers(top)
    return tensors, top


def _described(metadata: Path, key: str, value: Call) -> tuple[Described, Call]:
    """A tensor, and what stands for it in the tree: the key is its storage's."""
    found = attributes_of(value) or {}
    properties, chunks = found.get("properties"), found.get("chunks")
    state = properties.state if type(properties) is Call else None
    if type(state) is not tuple or len(state) < 2 or type(chunks) is not list:
        raise damaged(metadata, f"“{key}” is not described")
    size = sizes(metadata, found.get("size"), key)
    if math.prod(size) > MOST_ELEMENTS:
        raise damaged(metadata, f"“{key}” has more elements than any tensor")
    dtype, layout = state[0], state[1].args if type(state[1]) is Call else ()
    storage = Persistent(("storage", _STORAGE, key, "cpu", 0))
    leaf = Call(_REBUILD, (storage, 0, size, contiguous_stride(size), False, None, dtype))
    return Described(layout == ("torch.strided",), chunks), leaf


def _path(key: str, planned: Any) -> tuple[str | int, ...]:
    """The keys that lead to a value; of a flat key only the optimizer's is told apart."""
    if type(planned) is not tuple or not _KEYS.issuperset(map(type, planned)):
        planned = (key,)
    if len(planned) == 1 and (match := _OPTIMIZER.match(str(planned[0]))):
        return match[1], planned[0][match.end() :]
    return planned if 0 < len(planned) <= DEEPEST else (key,)


def _put(metadata: Path, top: dict[str | int, Any], path: tuple[str | int, ...], leaf: Any) -> None:
    node = top
    for part in path[:-1]:
        node = node.setdefault(part, {})
        if type(node) is not dict:
            raise damaged(metadata, f"“{'.'.join(map(str, path))}” stands below what is no dictionary")
    if path[-1] in node:
        raise damaged(metadata, f"“{'.'.join(map(str, path))}” stands in it twice")
    node[path[-1]] = leaf


def _hide_optimizers(top: dict[str | int, Any]) -> None:
    """An optimizer's state is `state` and `param_groups`, also as the beginnings of flat keys."""
    pending = [top]
    while pending:
        node = pending.pop()
        heads = {key: str(key).partition(".")[0] for key in node}
        if _STATE.issubset(heads.values()):
            for key, head in heads.items():
                if head in _STATE:
                    del node[key]
            node.update(dict.fromkeys(sorted(_STATE)))
        pending += [value for value in node.values() if type(value) is dict]


def leaves(node: Mapping[str | int, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All that is not an optimizer's, by keys joined by dots."""
    hidden = _STATE if node.keys() >= _STATE else ()
    for key, value in node.items():
        if key in hidden:
            continue
        if type(value) is not dict:
            yield f"{prefix}{key}", value
        elif not _OPTIMIZER.match(f"{key}."):
            yield from leaves(value, f"{prefix}{key}.")
