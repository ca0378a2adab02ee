"""NumPy's `.npy`: a bare array is a checkpoint of one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pruner.checkpoint import Checkpoint, FileStamp, Storage, TensorInfo
from pruner.dtypes import DTYPES
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.npy import MAGIC, read_header
from pruner.patching import copy_zeroed, regions_by_storage
from pruner.progress import Meter


class Npy:
    """See `Format`."""

    name = "npy"
    title = "NumPy array"
    suffixes = (".npy",)

    def recognises(self, path: Path, head: bytes) -> bool:
        return head.startswith(MAGIC)

    def open(self, path: Path, root: str | None) -> Checkpoint:
        if root:
            raise PrunerError(f"{path}: an array has no keys; leave “{root}” out.")
        with path.open("rb") as file:
            try:
                header = read_header(file)
            except PrunerError as error:
                raise PrunerError(f"{path}: {error}.") from error
            size = file.seek(0, 2)
        storage = Storage(path, header.nbytes, size - header.nbytes)
        info = TensorInfo("tensor", "tensor", header.dtype, header.shape, header.stride, storage)
        if DTYPES[header.dtype].nbytes(info.numel) != storage.nbytes:
            raise PrunerError(
                f"{path}: the array should take {info.nbytes} bytes and takes {storage.nbytes}. "
                "The file is cut off or damaged; fetch or copy it again."
            )
        return Checkpoint(path, self.name, {info.name: info}, (), (FileStamp.of(path),))

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        copy_zeroed(checkpoint.path, target, regions_by_storage(checkpoint, masks), meter)
        return []


FORMAT = Npy()
