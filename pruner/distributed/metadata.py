"""The metadata of a torch.distributed.checkpoint: objects of its classes, and the places of the tensors' items."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pruner.distributed.folder import Folder, head_of
from pruner.errors import PrunerError, damaged
from pruner.pickles.document import MAX_PICKLE, sound_pickle
from pruner.pickles.unpickle import Pickle
from pruner.pickles.values import Call, Global, attributes_of, mapping_of

MOST_ELEMENTS = 1 << 62
DEEPEST = 64

Sizes = tuple[int, ...]
Places = dict[tuple[str, Sizes], tuple[Path, int, int]]
"""Where items lie (file, offset, length), by the tensor's key and the piece's first index in each dimension."""


def read_metadata(metadata: Path) -> Pickle:
    """What the file says, as inert data; raises `PrunerError`."""
    with metadata.open("rb") as file:
        data = file.read(MAX_PICKLE + 1)
    if len(data) > MAX_PICKLE:
        raise PrunerError(f"{metadata}: it is longer than such a file ever is ({MAX_PICKLE} bytes).")
    return sound_pickle(metadata, data)


def is_called(value: Any, name: str) -> bool:
    """Whether a value is an object of the class `name`."""
    return type(value) is Call and type(value.function) is Global and value.function.name == name


def attributes(metadata: Path, value: Any, name: str) -> dict[Any, Any]:
    """The attributes of an object of the class `name`; raises `PrunerError` where it is none."""
    found = attributes_of(value) if is_called(value, name) else None
    if found is None:
        raise PrunerError(f"{metadata}: it is no metadata of torch.distributed.checkpoint (a {name} is missing).")
    return found


def sizes(metadata: Path, value: Any, what: str) -> Sizes:
    """A `torch.Size` of numbers that are not negative; raises `PrunerError` for anything else."""
    if type(value) is Call and value.calls("torch.Size") and type(value.args) is tuple and len(value.args) == 1:
        value = value.args[0]
    if type(value) is not tuple or len(value) > DEEPEST:
        raise damaged(metadata, f"“{what}” has no proper shape")
    for part in value:
        if type(part) is not int or not 0 <= part <= MOST_ELEMENTS:
            raise damaged(metadata, f"“{what}” has no proper shape")
    found: Sizes = value
    return found


def places_of(folder: Folder, storage_data: Any) -> Places:
    """Where the tensors' items lie, each within its file and apart from all others."""
    metadata = folder.metadata
    found: Places = {}
    items: dict[str, list[tuple[int, int, str]]] = {}
    for index, info in (mapping_of(storage_data) or {}).items():
        where, what = attributes(metadata, index, "MetadataIndex"), attributes(metadata, info, "_StorageInfo")
        key, name, offset, length = where.get("fqn"), what.get("relative_path"), what.get("offset"), what.get("length")
        if type(key) is not str or type(name) is not str or type(offset) is not int or type(length) is not int:
            raise damaged(metadata, "the place of an item is none")
        stamp = folder.stamp(name)
        if offset < 0 or length < 0 or offset + length > stamp.size:
            raise damaged(
                stamp.path, f"“{key}” should be its bytes {offset} to {offset + length}, but it has {stamp.size}"
            )
        items.setdefault(name, []).append((offset, length, key))
        if (first := where.get("offset")) is not None:
            found[key, sizes(metadata, first, key)] = stamp.path, offset, length
    for name, places in items.items():
        _require_apart(folder.stamps[name].path, sorted(places))
    return found


def _require_apart(file: Path, items: Iterable[tuple[int, int, str]]) -> None:
    """Two items that share bytes would be changed together."""
    end, before = 0, ""
    for offset, length, key in items:
        if offset < end:
            what = " (it is of safetensors, which torch does not load either)" if head_of(file)[8:9] == b"{" else ""
            raise damaged(file, f"“{before}” and “{key}” overlap in it{what}")
        end, before = max(end, offset + length), key
