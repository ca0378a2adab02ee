"""The zip container of `torch.save` (1.6 and later): `NAME/data.pkl` describes, `NAME/data/KEY` holds the storages."""

from __future__ import annotations

import itertools
import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from pruner.checkpoint import Checkpoint, FileStamp, Storage, TensorInfo
from pruner.dtypes import DTYPES
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.files import copy
from pruner.mask import Mask
from pruner.patching import zero_pruned
from pruner.pickles.repickle import write_pickle
from pruner.pickles.roots import Root, choose_root, find_roots, keys_beside
from pruner.pickles.torch_objects import DTYPE_STORAGES, TensorRecord, is_module
from pruner.pickles.unpickle import UnpickleError, read_pickle
from pruner.pickles.values import Call, Global, Persistent, mapping_of
from pruner.progress import Meter
from pruner.reading import read_bytes
from pruner.ties import with_shared_storages
from pruner.zips.directory import DEFLATED, STORED, ZipEntry, checksum_places, damaged, read_entries, read_names

_MAX_PICKLE = 1 << 29
_ALIGNMENT = 64
_CHUNK = 4 << 20


@dataclass(frozen=True, eq=False)
class _Archive:
    """What saving needs again: the archive's entries, the common folder of their names, the pickle's value."""

    entries: Mapping[str, ZipEntry]
    prefix: str
    top: Any
    roots: Mapping[str, Root]
    root: Root

    def storage_entry(self, key: str) -> ZipEntry | None:
        """The entry that holds a storage."""
        return self.entries.get(f"{self.prefix}data/{key}")


class TorchZip:
    """See `Format`."""

    name = "torch_zip"
    title = "PyTorch (torch.save)"
    suffixes = (".pt", ".pth", ".bin", ".ckpt")

    def recognises(self, path: Path, head: bytes) -> bool:
        if not head.startswith(b"PK\x03\x04"):
            return False
        try:
            return _prefix(read_names(path)) is not None
        except PrunerError:
            return False

    def open(self, path: Path, root: str | None) -> Checkpoint:
        archive = _read_archive(path, root)
        weights = archive.root.weights
        tensors = with_shared_storages(
            _info(path, archive, name, kind, record) for name, (kind, record) in weights.tensors.items()
        )
        return Checkpoint(
            path=path,
            format=self.name,
            tensors=tensors,
            modules=weights.modules,
            files=(FileStamp.of(path),),
            root=archive.root.path,
            roots=tuple(archive.roots),
            others=keys_beside(archive.top, archive.root),
            warnings=tuple(_warnings(archive)),
            detail=archive,
        )

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        archive: _Archive = checkpoint.detail
        copy(checkpoint.path, target, meter)
        touched: dict[str, ZipEntry] = {}
        notes: list[str] = []
        with target.open("r+b") as file:
            for name, mask in masks.items():
                entry = archive.storage_entry(archive.root.weights.tensors[name][1].storage)
                assert entry is not None
                if entry.name not in touched and _checksum(file, entry) != entry.crc:
                    notes.append(f"The checksum of “{name}” did not match in the source; its data may be damaged.")
                touched[entry.name] = entry
                zero_pruned(file, checkpoint[name], mask, meter)
            for entry in touched.values():
                _write_checksum(file, entry)
        return notes

    def write(self, checkpoint: Checkpoint, entries: Sequence[Entry], target: Path, meter: Meter) -> list[str]:
        source = checkpoint.detail if isinstance(checkpoint.detail, _Archive) else None
        with ArchiveWriter(target, meter) as writer:
            if source is not None and source.root.weights.is_state_dict:
                _write_edited(writer, checkpoint.path, source, entries)
                return []
            _write_state_dict(writer, entries)
        beside = source is not None and (source.root.keys or is_module(source.top))
        return ["Only the state_dict is saved, not the objects around it."] if beside else []


FORMAT = TorchZip()


def _prefix(entries: Iterable[str]) -> str | None:
    """The folder in the archive that holds `data.pkl`; None where this is no file of `torch.save`."""
    names = set(entries)
    found = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(found) != 1:
        return None
    prefix = found[0].removesuffix("data.pkl")
    return None if f"{prefix}constants.pkl" in names else prefix


def _read_archive(path: Path, wanted: str | None) -> _Archive:
    entries = read_entries(path)
    prefix = _prefix(entries)
    assert prefix is not None
    order = entries.get(f"{prefix}byteorder")
    if order is not None and _entry_bytes(path, order, 16) == b"big":
        raise PrunerError(f"{path}: it was saved on a big-endian machine; load it in torch there and save it again.")
    raw = _entry_bytes(path, entries[f"{prefix}data.pkl"], _MAX_PICKLE)
    try:
        top, _ = read_pickle(raw)
        roots = find_roots(top)
        if not roots:
            raise PrunerError("there are no tensors in it that Secateur can read")
        root = choose_root(roots, wanted)
    except UnpickleError as error:
        raise damaged(path, str(error)) from error
    except PrunerError as error:
        raise PrunerError(f"{path}: {error}.") from error
    return _Archive(entries, prefix, top, roots, root)


def _entry_bytes(path: Path, entry: ZipEntry, most: int) -> bytes:
    if entry.size > most:
        raise PrunerError(f"{path}: “{entry.name}” is {entry.size} bytes long, more than such an entry ever is.")
    return read_bytes(_storage(path, entry), 0, entry.size).tobytes()


def _storage(path: Path, entry: ZipEntry) -> Storage:
    if entry.method not in (STORED, DEFLATED):
        raise PrunerError(
            f"{path}: “{entry.name}” is packed by a method (number {entry.method}) that torch never uses."
        )
    return Storage(path, entry.offset, entry.size, entry.packed if entry.method == DEFLATED else None)


def _info(path: Path, archive: _Archive, name: str, kind: Any, record: TensorRecord) -> TensorInfo:
    entry = archive.storage_entry(record.storage)
    if entry is None:
        raise damaged(path, f"the numbers of “{name}” are missing")
    info = TensorInfo(name, kind, record.dtype, record.shape, record.stride, _storage(path, entry), record.offset)
    first, length = info.span
    if first + length > entry.size:
        raise damaged(path, f"“{name}” reaches beyond its storage ({first + length} of {entry.size} bytes)")
    return info


def _warnings(archive: _Archive) -> Iterator[str]:
    weights = archive.root.weights
    for name in weights.unsupported:
        yield f"“{name}” is a sparse, quantized or other special tensor: it is kept, and not shown."
    if archive.root.keys and weights.rest:
        yield f"{len(weights.rest)} entries under “{archive.root.path}” are no tensors: they are kept, and not shown."


def _checksum(file: BinaryIO, entry: ZipEntry) -> int:
    file.seek(entry.offset)
    crc, left = 0, entry.packed
    while left and (data := file.read(min(_CHUNK, left))):
        crc = zlib.crc32(data, crc)
        left -= len(data)
    return crc


def _write_checksum(file: BinaryIO, entry: ZipEntry) -> None:
    crc = _checksum(file, entry).to_bytes(4, "little")
    for place in checksum_places(file, entry):
        file.seek(place)
        file.write(crc)


def _write_edited(writer: ArchiveWriter, path: Path, source: _Archive, entries: Sequence[Entry]) -> None:
    """The source's own archive with another state_dict in it; storages keep their keys, masks get new ones."""
    data = f"{source.prefix}data/"
    for entry in source.entries.values():
        name = entry.name.removeprefix(source.prefix)
        if entry.name.startswith(source.prefix) and name not in ("data.pkl", "byteorder", "version"):
            writer.add(name, entry.size, _storage_parts(_storage(path, entry)), name)
    used = {name.removeprefix(data) for name in source.entries if name.startswith(data)}
    keys = (key for key in map(str, itertools.count()) if key not in used)
    before = mapping_of(source.root.weights.value) or {}
    by_name = {str(key): value for key, value in before.items()}
    tensors = {
        entry.name: by_name[entry.source.name]
        if entry.role in ("as_is", "orig")
        else writer.add_tensor(entry, next(keys))
        for entry in entries
    }
    rest = {key: value for key, value in before.items() if str(key) not in source.root.weights.tensors}
    writer.finish(_replaced(source.top, source.root.keys, {**tensors, **rest}))


def _write_state_dict(writer: ArchiveWriter, entries: Sequence[Entry]) -> None:
    """A state_dict by itself; tensors that share a storage still do."""
    keys = map(str, itertools.count())
    shared: dict[Storage, Persistent] = {}
    pairs: dict[Any, Any] = {}
    for entry in entries:
        info = entry.source
        if entry.role in ("zeroed", "mask") or not info.shares_storage_with:
            pairs[entry.name] = writer.add_tensor(entry, next(keys))
            continue
        if info.storage not in shared:
            shared[info.storage] = writer.add_storage(info, next(keys))
        pairs[entry.name] = _rebuild(shared[info.storage], info.dtype, info.storage_offset, info.shape, info.stride)
    writer.finish(Call(Global("collections", "OrderedDict"), (), pairs=pairs))


def _replaced(value: Any, keys: Sequence[Any], pairs: dict[Any, Any]) -> Any:
    """A copy of a dictionary, of whatever class, with the one that `keys` lead to filled with `pairs`."""
    if keys:
        mapping = dict(mapping_of(value) or {})
        mapping[keys[0]] = _replaced(mapping[keys[0]], keys[1:], pairs)
        pairs = mapping
    if isinstance(value, Call):
        return replace(value, args=() if value.calls("collections.OrderedDict") else value.args, pairs=pairs)
    return pairs


def _storage_parts(storage: Storage) -> Iterator[memoryview]:
    step = _CHUNK if storage.deflated is None else max(storage.nbytes, 1)
    for start in range(0, storage.nbytes, step):
        yield read_bytes(storage, start, min(step, storage.nbytes - start)).data


def _persistent(dtype: str, key: str, nbytes: int) -> Persistent:
    typed = DTYPE_STORAGES.get(dtype)
    if typed is None:
        return Persistent(("storage", Global("torch.storage", "UntypedStorage"), key, "cpu", nbytes))
    return Persistent(("storage", Global("torch", typed), key, "cpu", nbytes // DTYPES[dtype].itemsize))


def _rebuild(storage: Persistent, dtype: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Call:
    """The call by which torch makes a tensor of a storage; the types without a typed storage need the newer one."""
    hooks = Call(Global("collections", "OrderedDict"), ())
    if dtype in DTYPE_STORAGES:
        return Call(Global("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, stride, False, hooks))
    args = (storage, offset, shape, stride, False, hooks, Global("torch", dtype))
    return Call(Global("torch._utils", "_rebuild_tensor_v3"), args)


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(max(size, 1) for size in shape[index + 1 :]) for index in range(len(shape)))


class ArchiveWriter:
    """Writes a new archive as `torch.save` lays it out: entries stored, storages aligned to 64 bytes."""

    def __init__(self, target: Path, meter: Meter) -> None:
        self._meter = meter
        self._file = target.open("xb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._zip.close()
        self._zip.fp = None  # an archive that was given up is not finished when it is collected
        self._file.close()

    def add_tensor(self, entry: Entry, key: str) -> Call:
        """Write a tensor's elements as a storage of its own, and give the pickle's description of it."""
        info = entry.source
        self.add(f"data/{key}", info.nbytes, entry.chunks(), entry.name)
        storage = _persistent(info.dtype, key, info.nbytes)
        return _rebuild(storage, info.dtype, 0, info.shape, _contiguous(info.shape))

    def add_storage(self, info: TensorInfo, key: str) -> Persistent:
        """Write the whole storage that a tensor looks into."""
        self.add(f"data/{key}", info.storage.nbytes, _storage_parts(info.storage), info.name)
        return _persistent(info.dtype, key, info.storage.nbytes)

    def finish(self, top: Any) -> None:
        """Write the pickle and the two entries that say how to read the rest."""
        try:
            pickled = write_pickle(top)
        except RecursionError as error:
            raise PrunerError("What stands beside the weights nests too deeply to be written.") from error
        for name, content in (("data.pkl", pickled), ("byteorder", b"little"), ("version", b"3\n")):
            self.add(name, len(content), [content], name)

    def add(self, name: str, nbytes: int, parts: Iterable[memoryview | bytes], what: str) -> None:
        """Write one entry of `nbytes` bytes."""
        record = zipfile.ZipInfo(f"archive/{name}")
        record.file_size = nbytes
        wide = nbytes >= zipfile.ZIP64_LIMIT
        header = 30 + len(record.filename.encode()) + (20 if wide else 0)
        padding = -(self._file.tell() + header + 4) % _ALIGNMENT
        record.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
        with self._zip.open(record, "w", force_zip64=wide) as entry:
            for part in parts:
                entry.write(part)
                self._meter.step(len(part), what)
