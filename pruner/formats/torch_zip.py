"""The zip container of `torch.save` (1.6 and later): `NAME/data.pkl` describes, `NAME/data/KEY` holds the storages."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint, Storage, TensorInfo, contiguous_stride
from pruner.dtypes import DTYPES
from pruner.entries import Entry, Role, made_contiguous
from pruner.errors import PrunerError
from pruner.patching import Region, regions_by_storage, zeroed
from pruner.pickles.document import MAX_PICKLE, Document, big_endian, open_document, sound_pickle
from pruner.pickles.repickle import write_pickle
from pruner.pickles.torch_objects import DTYPE_STORAGES, is_module, storage_key
from pruner.pickles.values import Call, Global, Persistent, mapping_of, persistents
from pruner.progress import Meter
from pruner.reading import unpacked
from pruner.record import KEY
from pruner.zips.container import FOLDER, ZipContainer
from pruner.zips.directory import read_entries, zip_names
from pruner.zips.entries import entry_bytes, storage_of
from pruner.zips.writing import Parts, ZipWriter

_PREFIX = "archive"
_OWN: tuple[Role, ...] = ("as_is", "orig", "zeroed")
"""What the source's own storages hold, zeroed where that is asked for."""
_WRITTEN_ANEW = ("data.pkl", "byteorder", "version")


class TorchZip(ZipContainer):
    """See `Format`."""

    name = "torch_zip"
    title = "PyTorch (torch.save)"
    suffixes = (".pt", ".pth", ".bin", ".ckpt")

    def recognises(self, path: Path, head: bytes) -> bool:
        return _prefix(zip_names(path, head)) is not None

    def open(self, path: Path, root: str | None) -> Checkpoint:
        entries = read_entries(path)
        prefix = _prefix(entries)
        assert prefix is not None
        order = entries.get(f"{prefix}byteorder")
        if order is not None and entry_bytes(path, order, 16) == b"big":
            raise big_endian(path)
        pickle = sound_pickle(path, entry_bytes(path, entries[f"{prefix}data.pkl"], MAX_PICKLE))
        data = f"{prefix}data/"
        storages = {
            name.removeprefix(data): storage_of(path, entry) for name, entry in entries.items() if name.startswith(data)
        }
        extra = {
            name.removeprefix(prefix): storage_of(path, entry)
            for name, entry in entries.items()
            if name.startswith(prefix) and not name.startswith(data)
        }
        return open_document(path, self.name, pickle.value, storages, root, pickle.globals, extra=extra)

    def write(self, checkpoint: Checkpoint, entries: Sequence[Entry], target: Path, meter: Meter) -> list[str]:
        source = checkpoint.detail if isinstance(checkpoint.detail, Document) else None
        tensors = [entry for entry in entries if entry.role != "bits"]
        with ZipWriter(target, meter, deflate=self.deflate) as archive:
            writer = _Writer(checkpoint.path, archive)
            edited = source if source is not None and source.root.weights.is_state_dict else None
            notes: list[str] = []
            root = checkpoint.root if edited is not None else ""
            if edited is not None:
                writer.write_edited(checkpoint, edited, tensors)
            else:
                notes = writer.write_state_dict(tensors)
            marks = [entry for entry in entries if entry.role == "bits"]
            self.add_records(archive, _PREFIX, marks, checkpoint.metadata.get(KEY, ""), root)
        if edited is None and source is not None and (source.root.keys or is_module(source.top)):
            notes.append("Only the state_dict is saved, not the objects around it.")
        return notes


FORMAT = TorchZip()


def _prefix(entries: Iterable[str]) -> str | None:
    """The folder in the archive that holds `data.pkl`; None where this is no file of `torch.save`."""
    names = set(entries)
    found = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(found) != 1:
        return None
    prefix = found[0].removesuffix("data.pkl")
    return None if f"{prefix}constants.pkl" in names else prefix


class _Writer:
    """Writes a pickle and the storages that it describes."""

    def __init__(self, source: Path, archive: ZipWriter) -> None:
        self._source = source
        self._archive = archive

    def write_edited(self, checkpoint: Checkpoint, source: Document, entries: Sequence[Entry]) -> None:
        """The source's own objects with another state_dict in them; storages keep their keys, new ones get new keys.

        Storages that nothing refers to any more are left out, and of an edited checkpoint what no tensor sees.
        """
        masks = {entry.source.name: entry.mask for entry in entries if entry.role == "zeroed" and entry.mask}
        regions = regions_by_storage(checkpoint, masks)
        for name, storage in source.extra.items():
            if name not in _WRITTEN_ANEW and not name.startswith(FOLDER):
                self._add(name, storage.nbytes, partial(_storage_parts, storage), name)
        before = mapping_of(source.root.weights.value) or {}
        rest = {key: value for key, value in before.items() if str(key) not in source.root.weights.tensors}
        by_name = {str(key): value for key, value in before.items()}
        whole = set(_used_whole(entries, _OWN)) if checkpoint.edited else None
        stay = {entry.name: by_name[entry.source.stored_as] for entry in entries if _stays(entry, whole)}
        gone = _storage_keys(source.top) - _storage_keys(_replaced(source.top, source.root.keys, {**stay, **rest}))
        for key, storage in source.storages.items():
            if key not in gone:
                parts = partial(_storage_parts, storage, regions.get(storage, ()))
                self._add(f"data/{key}", storage.nbytes, parts, key)
        keys = (key for key in map(str, itertools.count()) if key not in source.storages)
        made = {entry.name: self._add_tensor(entry, next(keys)) for entry in entries if entry.name not in stay}
        tensors = {entry.name: stay.get(entry.name) or made[entry.name] for entry in entries}
        self._finish(_replaced(source.top, source.root.keys, {**tensors, **rest}))

    def write_state_dict(self, entries: Sequence[Entry]) -> list[str]:
        """A state_dict by itself; what was one tensor under several names still is. Gives notes for the user."""
        self._require_writable(entries)
        keys = map(str, itertools.count())
        whole: dict[Storage, Persistent | None] = dict.fromkeys(_used_whole(entries))
        made: dict[Any, Call] = {}
        alone: list[Entry] = []
        pairs: dict[Any, Any] = {}
        for entry in entries:
            info = entry.source
            place = (entry.role, info.storage, info.storage_offset, info.dtype, info.shape, info.stride)
            if entry.role in ("as_is", "orig") and info.storage in whole:
                storage = whole[info.storage] or self._add_storage(info, next(keys))
                whole[info.storage] = storage
                pairs[entry.name] = _rebuild(storage, info)
            elif info.shares_storage_with and entry.role != "mask" and place in made:
                pairs[entry.name] = made[place]
            else:
                pairs[entry.name] = made[place] = self._add_tensor(entry, next(keys))
                alone += [entry] if entry.role != "mask" else []
        self._finish(Call(Global("collections", "OrderedDict"), (), pairs=pairs))
        return made_contiguous(alone)

    def _require_writable(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            info = entry.source
            if info.layout != "strided" or info.dtype_info.family == "quantized":
                kind = info.layout if info.layout != "strided" else f"quantized ({info.dtype})"
                raise PrunerError(
                    f"{self._source}: “{info.name}” is {kind} and cannot be written anew. "
                    "Save the permanent form in the source's own container."
                )

    def _add_tensor(self, entry: Entry, key: str) -> Call:
        """Write a tensor's elements as a storage of its own, and give the pickle's description of it."""
        info = entry.source
        self._add(f"data/{key}", info.nbytes, entry.chunks, entry.name)
        alone = replace(info, storage_offset=0, stride=contiguous_stride(info.shape))
        return _rebuild(_persistent(info.dtype, key, info.nbytes), alone)

    def _add_storage(self, info: TensorInfo, key: str) -> Persistent:
        """Write the whole storage that a tensor looks into."""
        self._add(f"data/{key}", info.storage.nbytes, partial(_storage_parts, info.storage), info.name)
        return _persistent(info.dtype, key, info.storage.nbytes)

    def _finish(self, top: Any) -> None:
        """Write the pickle and the two entries that say how to read the rest."""
        try:
            pickled = write_pickle(top)
        except RecursionError as error:
            raise PrunerError(
                f"{self._source}: what stands beside the weights nests too deeply to be written. Save as .safetensors."
            ) from error
        for name, content in zip(_WRITTEN_ANEW, (pickled, b"little", b"3\n"), strict=True):
            self._archive.add_bytes(f"{_PREFIX}/{name}", content)

    def _add(self, name: str, nbytes: int, parts: Parts, what: str) -> None:
        self._archive.add(f"{_PREFIX}/{name}", nbytes, parts, what)


def _used_whole(entries: Sequence[Entry], roles: Collection[Role] = ("as_is", "orig")) -> Iterator[Storage]:
    """The storages that these tensors use up: written as they are they keep strides and sharing, and waste nothing."""
    used: dict[Storage, int] = {}
    for entry in entries:
        if entry.role in roles and not entry.source.pieces:
            used[entry.source.storage] = used.get(entry.source.storage, 0) + entry.nbytes
    for storage, nbytes in used.items():
        if nbytes >= storage.nbytes:
            yield storage


def _stays(entry: Entry, whole: set[Storage] | None) -> bool:
    """Whether an entry is the source's own description of it; with `whole`, only of storages that are all seen."""
    info = entry.source
    return entry.role in _OWN and (whole is None or info.layout != "strided" or info.storage in whole)


def _storage_keys(top: Any) -> set[str]:
    """The keys of the storages that a pickle refers to."""
    return {found[0] for one in persistents(top) if (found := storage_key(one)) is not None}


def _replaced(value: Any, keys: Sequence[Any], pairs: dict[Any, Any]) -> Any:
    """A copy of a dictionary, of whatever class, with the one that `keys` lead to filled with `pairs`."""
    if keys:
        mapping = dict(mapping_of(value) or {})
        mapping[keys[0]] = _replaced(mapping[keys[0]], keys[1:], pairs)
        pairs = mapping
    if isinstance(value, Call):
        return value.filled(() if value.calls("collections.OrderedDict") else value.args, pairs)
    return pairs


def _storage_parts(storage: Storage, regions: Sequence[Region] = ()) -> Iterator[memoryview]:
    with unpacked(storage) as read:
        for _, after, _ in zeroed(read, storage.nbytes, regions):
            yield after.data


def _persistent(dtype: str, key: str, nbytes: int) -> Persistent:
    typed = DTYPE_STORAGES.get(dtype)
    if typed is None:
        return Persistent(("storage", Global("torch.storage", "UntypedStorage"), key, "cpu", nbytes))
    return Persistent(("storage", Global("torch", typed), key, "cpu", nbytes // DTYPES[dtype].itemsize))


def _rebuild(storage: Persistent, info: TensorInfo) -> Call:
    """The call by which torch makes a tensor of a storage; the types without a typed storage need the newer one."""
    hooks = Call(Global("collections", "OrderedDict"), ())
    place = (storage, info.storage_offset, info.shape, info.stride, False, hooks)
    if info.dtype in DTYPE_STORAGES:
        return Call(Global("torch._utils", "_rebuild_tensor_v2"), place)
    return Call(Global("torch._utils", "_rebuild_tensor_v3"), (*place, Global("torch", info.dtype)))
