"""What `torch.save` wrote before 1.6: pickles one after another, and behind them the storages.

Four pickles say what file this is (a magic number, a protocol, the machine's sizes), describe the objects, and list the
storages' keys; then come the storages in that order, each as its number of elements in 8 bytes and its bytes
(torch/serialization.py, `_legacy_save`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pruner.checkpoint import Checkpoint, Storage
from pruner.dtypes import DTYPES
from pruner.errors import PrunerError, damaged
from pruner.mask import Mask
from pruner.patching import copy_zeroed, regions_by_storage
from pruner.pickles.document import big_endian, open_document
from pruner.pickles.sequence import PickleSequence
from pruner.pickles.torch_objects import storage_key
from pruner.pickles.values import Persistent, mapping_of
from pruner.progress import Meter

MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAGIC_BYTES = b"\x8a\x0a" + MAGIC.to_bytes(10, "little")
_MAGIC_TEXT = b"L%dL\n." % MAGIC


class TorchLegacy:
    """See `Format`."""

    name = "torch_legacy"
    title = "PyTorch before 1.6 (torch.save, legacy)"
    suffixes = (".pt", ".pth", ".bin", ".ckpt")

    def recognises(self, path: Path, head: bytes) -> bool:
        start = 2 if head[:1] == b"\x80" else 0
        return head[start:].startswith(_MAGIC_BYTES) or head.startswith(_MAGIC_TEXT)

    def open(self, path: Path, root: str | None) -> Checkpoint:
        with path.open("rb") as file:
            pickles = PickleSequence(path, file)
            _require_readable(path, *(pickles.read().value for _ in range(3)))
            outside = _Outside(path)
            described = pickles.read(outside)
            keys = pickles.read().value
            if not isinstance(keys, list) or not all(isinstance(key, (str, int)) for key in keys):
                raise damaged(path, "its list of storages is none")
            roots = dict(_storages(path, file, pickles.position, [str(key) for key in keys], outside.dtypes))
        storages = {**roots, **dict(_views(path, roots, outside))}
        return open_document(path, self.name, described.value, storages, root, described.globals)

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        copy_zeroed(checkpoint.path, target, regions_by_storage(checkpoint, masks), meter)
        return []


FORMAT = TorchLegacy()


def _require_readable(path: Path, magic: Any, protocol: Any, machine: Any) -> None:
    if magic != MAGIC or protocol != _PROTOCOL:
        version = f" ({protocol})" if type(protocol) is int else ""
        raise PrunerError(
            f"{path}: it is of the legacy format of torch.save, in a version{version} that torch never released."
        )
    if (mapping_of(machine) or {}).get("little_endian") is False:
        raise big_endian(path)


class _Outside:
    """What stands for the pickle's persistent ids: classes as they are, storages in the form of later versions.

    `dtypes` are those of the storages by key, `views` the storages that are a part of another: key, first element and
    number of elements.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.dtypes: dict[str, str] = {}
        self.views: dict[str, tuple[str, int, int]] = {}

    def __call__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) < 2:
            raise damaged(self._path, "its pickle names something outside that is no storage")
        tag = key[0].decode("ascii", "replace") if isinstance(key[0], bytes) else key[0]
        if tag == "module":
            return key[1]
        found = Persistent((tag, *key[1:5]))
        known = storage_key(found)
        if known is None or known[1] is None:
            raise damaged(self._path, "its pickle names a storage of an unknown type")
        root = known[0]
        self.dtypes.setdefault(root, known[1])
        view = key[5] if len(key) > 5 else None
        if view is not None:
            root = self._view(root, view)
            found = Persistent((tag, key[1], root, *key[3:5]))
        return found

    def _view(self, root: str, view: Any) -> str:
        whole = isinstance(view, tuple) and len(view) == 3 and all(type(part) is int and part >= 0 for part in view[1:])
        if not whole or not isinstance(view[0], (str, int)):
            raise damaged(self._path, "a view of a storage is described wrongly")
        name = f"{root}:{view[0]}"
        self.views[name] = (root, view[1], view[2])
        return name


def _storages(
    path: Path, file: BinaryIO, position: int, keys: Sequence[str], dtypes: Mapping[str, str]
) -> Iterator[tuple[str, Storage]]:
    size = file.seek(0, 2)
    for key in keys:
        if key not in dtypes:
            raise damaged(path, f"it holds a storage “{key}” that its pickle does not name")
        file.seek(position)
        nbytes = int.from_bytes(file.read(8), "little") * DTYPES[dtypes[key]].bits // 8
        position += 8
        if position + nbytes > size:
            raise damaged(path, "it ends before its last numbers")
        yield key, Storage(path, position, nbytes)
        position += nbytes


def _views(path: Path, roots: Mapping[str, Storage], outside: _Outside) -> Iterator[tuple[str, Storage]]:
    for name, (root, start, length) in outside.views.items():
        dtype = DTYPES[outside.dtypes[root]]
        first, nbytes = dtype.nbytes(start), dtype.nbytes(length)
        whole = roots.get(root)
        if whole is None or first + nbytes > whole.nbytes:
            raise damaged(path, "a view of a storage reaches beyond it")
        yield name, Storage(path, whole.offset + first, nbytes)
