"""A checkpoint in several files with an index: `{"weight_map": {tensor name: file name}}` in a `….index.json`.

The form of the index is that of the Hugging Face libraries (huggingface_hub, `split_state_dict_into_shards`); the
shards may be of any container.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint, FileStamp, Kind, TensorInfo
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.module_tree import kind_from_name, modules_from_names
from pruner.progress import Meter

_PREFERRED = "model.safetensors.index.json"
_MAX_INDEX = 100_000_000
_SHARD = re.compile(r"^(?P<stem>.+)-\d{5}-of-\d{5}(?P<suffix>\.[^.]+)$")


@dataclass(frozen=True, eq=False)
class ShardSet:
    """The detail of a checkpoint in several files: the index, and a checkpoint for each file."""

    index: Path
    shards: tuple[Checkpoint, ...]


def index_of(path: Path) -> Path | None:
    """The index of the set that a path stands for: by itself, by its folder, or by a shard of it; None for others.

    Raises `PrunerError` where a folder leaves open which set is meant.
    """
    if path.name.endswith(".index.json"):
        return path
    if path.is_dir():
        indexes = sorted(path.glob("*.index.json"))
        if path / _PREFERRED in indexes:
            return path / _PREFERRED
        if len(indexes) > 1:
            names = ", ".join(index.name for index in indexes[:3])
            raise PrunerError(f"{path}: the folder holds several sets of shards ({names}); open one of these files.")
        return indexes[0] if indexes else None
    if match := _SHARD.match(path.name):
        index = path.with_name(f"{match['stem']}{match['suffix']}.index.json")
        return index if index.exists() else None
    return None


def open_set(index: Path, opened: Path, open_file: Callable[[Path], Checkpoint]) -> Checkpoint:
    """The tensors of all shards in the index's order; the index and each shard are checked against one another."""
    weight_map = _read_index(index)
    paths = {shard: _shard_path(index, shard) for shard in dict.fromkeys(weight_map.values())}
    shards = {shard: open_file(path) for shard, path in paths.items()}
    _require_agreement(index, weight_map, shards)
    names = frozenset(weight_map)
    tensors = {name: _in_set(shards[shard].tensors[name], names) for name, shard in weight_map.items()}
    parts = tuple(shards.values())
    metadata: dict[str, str] = {}
    for part in parts:
        metadata.update(part.metadata)
    return Checkpoint(
        path=opened,
        format=parts[0].format,
        tensors=tensors,
        modules=modules_from_names(tensors),
        files=(FileStamp.of(index), *(part.files[0] for part in parts)),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        metadata=metadata,
        marks={name: mark for part in parts for name, mark in part.marks.items()},
        globals=tuple({one.name: one for part in parts for one in part.globals}.values()),
        detail=ShardSet(index, parts),
    )


def patch_set(
    checkpoint: Checkpoint,
    masks: Mapping[str, Mask],
    folder: Path,
    patch: Callable[[Checkpoint, Mapping[str, Mask], Path], list[str]],
) -> list[str]:
    """Write the same shards with pruned elements zeroed, and the same index, to a new folder; `patch` writes one."""
    held: ShardSet = checkpoint.detail
    folder.mkdir()
    notes: list[str] = []
    for shard in held.shards:
        own = {name: mask for name, mask in masks.items() if name in shard.tensors}
        notes += patch(shard, own, folder / shard.path.name)
    shutil.copyfile(held.index, folder / held.index.name)
    return notes


def write_set(
    entries: Sequence[Entry],
    folder: Path,
    shard_bytes: int,
    suffix: str,
    write: Callable[[Sequence[Entry], Path], list[str]],
    meter: Meter,
) -> list[str]:
    """Write a set of shards of at most `shard_bytes` (or one tensor) each, and its index, to a new folder.

    `write` writes one; files are named as the Hugging Face libraries look for them. Returns notes for the user.
    """
    folder.mkdir()
    stem = "model" if suffix == ".safetensors" else "pytorch_model"
    groups = list(_groups(entries, shard_bytes))
    weight_map: dict[str, str] = {}
    notes: list[str] = []
    for number, group in enumerate(groups, 1):
        name = f"{stem}-{number:05}-of-{len(groups):05}{suffix}"
        notes += write(group, folder / name)
        named = (entry for entry in group if entry.role != "bits" or suffix == ".safetensors")
        weight_map.update((entry.name, name) for entry in named)
    index = {"metadata": {"total_size": sum(entry.nbytes for entry in entries)}, "weight_map": weight_map}
    text = json.dumps(index, ensure_ascii=False, indent=2)
    (folder / f"{stem}{suffix}.index.json").write_text(text + "\n", encoding="utf-8")
    meter.step(0, folder.name)
    return list(dict.fromkeys(notes))


def _groups(entries: Sequence[Entry], most: int) -> Iterator[list[Entry]]:
    """Entries in order; a mask's bits are where its tensor is, before them."""
    group: list[Entry] = []
    size = 0
    for place, entry in enumerate(entries):
        following = entries[place + 1 : place + 2]
        nbytes = entry.nbytes + sum(one.nbytes for one in following if one.role == "bits")
        if group and entry.role != "bits" and size + nbytes > most:
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.nbytes
    yield group


def _read_index(index: Path) -> dict[str, str]:
    with index.open("rb") as file:
        text = file.read(_MAX_INDEX + 1)
    try:
        parsed = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise PrunerError(f"{index}: it is no sound index of shards ({error}). Fetch or copy it again.") from error
    weight_map = parsed.get("weight_map") if isinstance(parsed, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise PrunerError(f"{index}: it has no “weight_map” from tensors to shards; it is no index of shards.")
    if not weight_map:
        raise PrunerError(f"{index}: it names no tensors.")
    return weight_map


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands in it twice")
    return made


def _shard_path(index: Path, shard: str) -> Path:
    folder = index.parent
    if Path(shard).name != shard or shard in ("", ".", "..") or "\\" in shard or "\0" in shard:
        raise PrunerError(
            f"{index}: it names the shard “{shard}”, outside its own folder. Such an index is not followed."
        )
    path = folder / shard
    if not path.exists():
        raise PrunerError(f"{path}: the shard is missing; {index.name} names it. Fetch it, or open another set.")
    if path.is_symlink() and folder.resolve() != path.resolve().parent and not _is_hub_cache(folder, path):
        raise PrunerError(f"{path}: the shard is a link out of its folder. Such a link is not followed.")
    return path


def _is_hub_cache(folder: Path, path: Path) -> bool:
    """The Hugging Face cache keeps snapshots as links to `blobs` two folders up, in the same repository's folder."""
    return path.resolve().parent == folder.resolve().parent.parent / "blobs"


def _require_agreement(index: Path, weight_map: Mapping[str, str], shards: Mapping[str, Checkpoint]) -> None:
    for name, shard in weight_map.items():
        if name not in shards[shard].tensors:
            raise PrunerError(f"{index}: “{name}” should be in {shard}, which does not hold it.")
    for shard, part in shards.items():
        stray = next((name for name in part.tensors if weight_map.get(name) != shard), None)
        if stray is not None:
            raise PrunerError(f"{part.path}: it holds “{stray}”, which the index {index.name} does not place there.")
    if len({part.format for part in shards.values()}) > 1:
        raise PrunerError(f"{index}: its shards are of several containers; convert them to one first.")


def _in_set(info: TensorInfo, names: frozenset[str]) -> TensorInfo:
    """The tensor with its kind told anew: what tells it may stand in another shard."""
    kind: Kind = "parameter" if info.kind == "parameter" else kind_from_name(info.name, names)
    return info if kind == info.kind else replace(info, kind=kind)
