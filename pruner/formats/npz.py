"""NumPy's `.npz`: a zip archive of arrays is a checkpoint of as many tensors."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from pruner.checkpoint import Checkpoint, FileStamp, TensorInfo
from pruner.errors import PrunerError
from pruner.module_tree import kind_from_name, modules_from_names
from pruner.npy import MAX_HEADER_BYTES, read_header
from pruner.reading import unpacked
from pruner.zips.container import ZipContainer
from pruner.zips.directory import ZipEntry, read_entries, zip_names
from pruner.zips.entries import storage_of

_SUFFIX = ".npy"


class Npz(ZipContainer):
    """See `Format`."""

    name = "npz"
    title = "NumPy arrays"
    suffixes = (".npz",)
    takes_marks = False

    def recognises(self, path: Path, head: bytes) -> bool:
        names = zip_names(path, head)
        return bool(names) and all(name.endswith(_SUFFIX) for name in names)

    def open(self, path: Path, root: str | None) -> Checkpoint:
        if root:
            raise PrunerError(f"{path}: a .npz has no keys above its arrays; leave “{root}” out.")
        infos: dict[str, TensorInfo] = {}
        others: list[str] = []
        warnings: list[str] = []
        for name, entry in read_entries(path).items():
            own = name.removesuffix(_SUFFIX)
            try:
                infos[own] = _info(path, own, entry)
            except PrunerError as error:
                others.append(own)
                warnings.append(f"“{own}” is kept, and not shown: {error}.")
        if not infos:
            raise PrunerError(f"{path}: there are no arrays of numbers in it. {' '.join(warnings[:1])}")
        names = frozenset(infos)
        tensors = {name: replace(info, kind=kind_from_name(name, names)) for name, info in infos.items()}
        return Checkpoint(
            path=path,
            format=self.name,
            tensors=tensors,
            modules=modules_from_names(tensors),
            files=(FileStamp.of(path),),
            others=tuple(others),
            warnings=tuple(warnings),
        )


FORMAT = Npz()


def _info(path: Path, name: str, entry: ZipEntry) -> TensorInfo:
    """The tensor; its storage is the whole entry, so that it starts behind the header.

    Headers are a multiple of 64 bytes long, so that the offset is a whole number of elements.
    """
    storage = storage_of(path, entry)
    with unpacked(storage) as read:
        header = read_header(BytesIO(read(min(storage.nbytes, MAX_HEADER_BYTES)).tobytes()))
    info = TensorInfo(name, "tensor", header.dtype, header.shape, header.stride, storage)
    if header.nbytes % info.dtype_info.itemsize:
        raise PrunerError("its numbers do not begin at a multiple of their size")
    if header.nbytes + info.nbytes != storage.nbytes:
        raise PrunerError(f"it should take {info.nbytes} bytes and takes {storage.nbytes - header.nbytes}")
    return replace(info, storage_offset=header.nbytes // info.dtype_info.itemsize)
