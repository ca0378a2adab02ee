"""A checkpoint that is described by a pickle and has its numbers in storages beside it: torch's own containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint, FileStamp, Kind, Storage, TensorInfo
from pruner.errors import PrunerError, damaged
from pruner.pickles.danger import GlobalUse
from pruner.pickles.roots import Root, choose_root, find_roots, keys_beside
from pruner.pickles.torch_objects import TensorRecord
from pruner.pickles.unpickle import Pickle, UnpickleError, read_pickle
from pruner.pickles.values import Persistent
from pruner.ties import with_shared_storages

MAX_PICKLE = 1 << 28
"""Bytes of the largest pickle that is read; a model of 100,000 tensors has a tenth of it."""


@dataclass(frozen=True, eq=False)
class Document:
    """What writing needs again.

    `top` is the pickle's value, `root` the place of the weights in it, `storages` where the bytes of its storages lie,
    by key, and `extra` what else the container holds, by name.
    """

    top: Any
    root: Root
    storages: Mapping[str, Storage]
    extra: Mapping[str, Storage] = field(default_factory=dict)


def open_document(
    path: Path,
    format_name: str,
    top: Any,
    storages: Mapping[str, Storage],
    wanted: str | None,
    globals_named: tuple[GlobalUse, ...],
    *,
    extra: Mapping[str, Storage] | None = None,
    roots: Mapping[str, Root] | None = None,
) -> Checkpoint:
    """The checkpoint of the root asked for; `roots` are found in `top` where the container does not tell them.

    Raises `PrunerError` where there are no weights, or none under that key, or where a tensor's numbers are missing.
    """
    try:
        found = find_roots(top) if roots is None else roots
        if not found:
            raise PrunerError("there are no weights in it that Secateur can read")
        root = choose_root(found, wanted)
    except PrunerError as error:
        raise PrunerError(f"{path}: {error}.") from error
    weights = root.weights
    tensors = with_shared_storages(
        _info(path, name, kind, record, storages) for name, (kind, record) in weights.tensors.items()
    )
    return Checkpoint(
        path=path,
        format=format_name,
        tensors=tensors,
        modules=weights.modules,
        files=(FileStamp.of(path),),
        root=root.path,
        roots=tuple(found),
        others=keys_beside(top, root) if roots is None else root.weights.rest,
        warnings=root.remarks,
        globals=globals_named,
        detail=Document(top, root, storages, extra or {}),
    )


def _info(path: Path, name: str, kind: Kind, record: TensorRecord, storages: Mapping[str, Storage]) -> TensorInfo:
    if record.layout != "strided":
        return TensorInfo(
            name, kind, record.dtype, record.shape, record.stride, Storage(path, 0, 0), layout=record.layout
        )
    storage = storages.get(record.storage)
    if storage is None:
        raise damaged(path, f"the numbers of “{name}” are missing")
    info = TensorInfo(name, kind, record.dtype, record.shape, record.stride, storage, record.offset)
    first, length = info.span
    if first + length > storage.nbytes:
        raise damaged(path, f"“{name}” reaches beyond its storage ({first + length} of {storage.nbytes} bytes)")
    return info


def big_endian(path: Path) -> PrunerError:
    """The error for a file whose numbers have their most significant byte first."""
    return PrunerError(f"{path}: it was saved on a big-endian machine; load it in torch there and save it again.")


def sound_pickle(path: Path, data: bytes, outside: Callable[[Any], Any] = Persistent, what: str = "") -> Pickle:
    """The pickle that `data` are, `outside` as in `read_pickle`; raises `PrunerError` where they are none.

    `what` names the part of the file that they come from.
    """
    try:
        return read_pickle(data, outside=outside)
    except UnpickleError as error:
        raise damaged(path, f"“{what}”: {error}" if what else str(error)) from error
