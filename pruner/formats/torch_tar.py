"""What `torch.save` wrote before 0.1.10: a tar archive of `storages`, `tensors` and the `pickle` that uses them.

`storages` has their number, for each its key, place and type and then its elements as in the later format, and the
views into them; `tensors` has for each its key and storage, and its dimensions, sizes, strides and offset as binary
numbers (torch/serialization.py, `legacy_load`).
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pruner.checkpoint import MOST_DIMENSIONS, Checkpoint, Storage
from pruner.dtypes import DTYPES
from pruner.errors import damaged
from pruner.pickles.danger import GlobalUse
from pruner.pickles.document import open_document
from pruner.pickles.sequence import PickleSequence
from pruner.pickles.torch_objects import storage_key
from pruner.pickles.values import Call, Global, Persistent

_MEMBERS = ("storages", "tensors", "pickle")
_MOST_MEMBERS = 64


class TorchTar:
    """See `Format`."""

    name = "torch_tar"
    title = "PyTorch before 0.1.10 (torch.save, tar)"
    suffixes = (".pt", ".pth", ".tar")

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir() or not head:
            return False
        with path.open("rb") as file:
            file.seek(257)
            return file.read(5) == b"ustar" and set(_MEMBERS) <= _members(path).keys()

    def open(self, path: Path, root: str | None) -> Checkpoint:
        members = _members(path)
        with path.open("rb") as file:
            reader = _Reader(path, file, members)
            reader.read_storages()
            reader.read_tensors()
            pickle = PickleSequence(path, file, members["pickle"]).read(reader.object_of)
        return open_document(
            path, self.name, pickle.value, reader.storages, root, (*reader.globals.values(), *pickle.globals)
        )


FORMAT = TorchTar()


def _members(path: Path) -> dict[str, int]:
    """Where the members that count begin, by name; empty where this is no sound tar archive."""
    try:
        with tarfile.open(path, "r:") as archive:
            found: dict[str, int] = {}
            for _ in range(_MOST_MEMBERS):
                member = archive.next()
                if member is None:
                    break
                name = member.name.removeprefix("./")
                if member.isfile() and name in _MEMBERS and name not in found:
                    found[name] = member.offset_data
            return found
    except (tarfile.TarError, ValueError, OverflowError):
        return {}


class _Reader:
    """Follows the members from storages to tensors, as torch would build them."""

    def __init__(self, path: Path, file: BinaryIO, members: Mapping[str, int]) -> None:
        self._path = path
        self._file = file
        self._members = members
        self._size = file.seek(0, 2)
        self._types: dict[str, Global] = {}
        self._tensors: dict[str, Call] = {}
        self.storages: dict[str, Storage] = {}
        self.globals: dict[str, GlobalUse] = {}

    def object_of(self, key: Any) -> Any:
        """What stands for a persistent id of the pickle: a tensor, a storage, or a class with its source code."""
        if isinstance(key, tuple):
            return key[0] if key else None
        name = self._key(key)
        if name in self._tensors:
            return self._tensors[name]
        if name in self.storages:
            return self._persistent(name)
        raise damaged(self._path, f"its pickle names an object “{name}” that is not there")

    def read_storages(self) -> None:
        """Find each storage's bytes, and the views into them."""
        pickles = PickleSequence(self._path, self._file, self._members["storages"])
        for _ in range(self._count(pickles)):
            key, _, kind = self._triple(pickles)
            dtype = self._dtype(kind)
            nbytes = int.from_bytes(pickles.take(8), "little") * dtype.itemsize
            if pickles.position + nbytes > self._size:
                raise damaged(self._path, "it ends before its last numbers")
            self._types[key] = kind
            self.storages[key] = Storage(self._path, pickles.position, nbytes)
            pickles.position += nbytes
        views = pickles.read().value
        for view in views if isinstance(views, list) else ():
            self._add_view(view)

    def read_tensors(self) -> None:
        """Describe each tensor as the calls of later versions do."""
        pickles = PickleSequence(self._path, self._file, self._members["tensors"])
        for _ in range(self._count(pickles)):
            key, storage, _ = self._triple(pickles)
            (dimensions, _) = struct.unpack("<ii", pickles.take(8))
            whole = self._key(storage)
            if not 0 <= dimensions <= MOST_DIMENSIONS or whole not in self.storages:
                raise damaged(self._path, f"the tensor “{key}” is described wrongly")
            numbers = struct.unpack(f"<{2 * dimensions + 1}q", pickles.take(8 * (2 * dimensions + 1)))
            shape, stride, offset = numbers[:dimensions], numbers[dimensions:-1], numbers[-1]
            args = (self._persistent(whole), offset, shape, stride)
            self._tensors[key] = Call(Global("torch._utils", "_rebuild_tensor"), args)

    def _count(self, pickles: PickleSequence) -> int:
        count = pickles.read().value
        if type(count) is not int or not 0 <= count <= self._size:
            raise damaged(self._path, "a number of its parts is none")
        return count

    def _triple(self, pickles: PickleSequence) -> tuple[str, Any, Any]:
        pickle = pickles.read()
        self.globals.update((one.name, one) for one in pickle.globals)
        if not isinstance(pickle.value, tuple) or len(pickle.value) != 3:
            raise damaged(self._path, "one of its parts is described wrongly")
        key, second, third = pickle.value
        return self._key(key), second, third

    def _key(self, value: Any) -> str:
        """A key as text; nothing but a text or a number is one."""
        if not isinstance(value, (str, int)):
            raise damaged(self._path, "one of its parts has no proper key")
        return str(value)

    def _persistent(self, key: str) -> Persistent:
        kind, storage = self._types[key], self.storages[key]
        return Persistent(("storage", kind, key, "cpu", storage.nbytes // self._dtype(kind).itemsize))

    def _dtype(self, kind: Any) -> Any:
        known = storage_key(Persistent(("storage", kind, "0", "cpu", 0)))
        if known is None or known[1] is None or not DTYPES[known[1]].itemsize:
            name = kind if isinstance(kind, Global) else "of no name"
            raise damaged(self._path, f"a storage is of the type {name}, which Secateur does not know")
        return DTYPES[known[1]]

    def _add_view(self, view: Any) -> None:
        """(key, key of the whole, first element, number of elements)."""
        if not isinstance(view, tuple) or len(view) != 4 or self._key(view[1]) not in self.storages:
            raise damaged(self._path, "a view of a storage is described wrongly")
        key, whole, (start, length) = self._key(view[0]), self._key(view[1]), view[2:]
        itemsize = self._dtype(self._types[whole]).itemsize
        storage = self.storages[whole]
        if not all(type(part) is int and part >= 0 for part in (start, length)):
            raise damaged(self._path, "a view of a storage is described wrongly")
        if (start + length) * itemsize > storage.nbytes:
            raise damaged(self._path, "a view of a storage reaches beyond it")
        self._types[key] = self._types[whole]
        self.storages[key] = Storage(self._path, storage.offset + start * itemsize, length * itemsize)
