"""What a file holds, known without reading its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pruner.dtypes import DTYPES, DType
from pruner.errors import FileChangedError, UnknownTensorError
from pruner.pickles.danger import GlobalUse

if TYPE_CHECKING:
    import torch

Kind = Literal["parameter", "buffer", "tensor"]
Layout = Literal["strided", "sparse", "meta", "wrapper", "nested"]


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of bytes in a file that one tensor, or several, look into.

    `offset` is where the bytes start in `file`, `nbytes` how many there are when unpacked, and `deflated` how many
    the file holds where it packs them (None where it does not).
    """

    file: Path
    offset: int
    nbytes: int
    deflated: int | None = None

    def __hash__(self) -> int:
        return hash((self.offset, self.nbytes))


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of a tensor that a container keeps by itself, as an item of `length` bytes from byte `offset` of `file`.

    `first` is the block's first index in each dimension of the tensor, `shape` its size in each; both count elements.
    """

    first: tuple[int, ...]
    shape: tuple[int, ...]
    file: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A named array in a checkpoint.

    `shape` and `stride` count elements; `storage_offset` is the first element's place in `storage`, in elements.
    `kind` is `tensor` where the file does not tell a parameter from a buffer. `shares_storage_with` names the
    tensors that have bytes in common with this one. Only a `strided` tensor has its elements in `storage`; one of
    another `layout` is listed and kept: sparse, without numbers (`meta`), wrapped by a class, or nested.

    A tensor with `pieces` is put together from them (see `pruner.distributed.pieces`). `shape` is the whole tensor's,
    `stride` that of its elements in the order of their flat index, and `storage` is empty: it says only where the
    first piece lies. `key` is the name in the file where the tensor goes by another one.
    """

    name: str
    kind: Kind
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage: Storage
    storage_offset: int = 0
    shares_storage_with: tuple[str, ...] = ()
    layout: Layout = "strided"
    pieces: tuple[Piece, ...] = ()
    key: str = ""

    @property
    def stored_as(self) -> str:
        """The name in the file."""
        return self.key or self.name

    @property
    def module(self) -> str:
        """The dotted name of the module that owns the tensor; empty for the root."""
        return self.name.rpartition(".")[0]

    @property
    def dtype_info(self) -> DType:
        """Size and family of the element type."""
        return DTYPES[self.dtype]

    @property
    def numel(self) -> int:
        """Elements in all; 1 for a tensor without dimensions."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, as a contiguous tensor would take them."""
        return self.dtype_info.nbytes(self.numel)

    @property
    def readable(self) -> bool:
        """Whether its elements can be read one by one."""
        return self.layout == "strided" and self.dtype_info.family != "packed"

    @property
    def prunable(self) -> bool:
        """Whether single elements have a magnitude and can be written as zero."""
        return self.readable and self.dtype_info.prunable

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in the file in the order of their flat index, without gaps."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size > 1 and stride != expected:
                return False
            expected *= size
        return True

    @property
    def overlapping(self) -> bool:
        """Whether several indices (may) share one element in memory, as after `expand`."""
        reach = 1
        for stride, size in sorted(zip(self.stride, self.shape, strict=True)):
            if size > 1 and self.numel:
                if stride < reach:
                    return True
                reach = stride * (size - 1) + reach
        return False

    @property
    def span(self) -> tuple[int, int]:
        """First byte and length in the unpacked storage of the run that holds all elements."""
        last = 0
        for size, stride in zip(self.shape, self.stride, strict=True):
            if size == 0:
                return 0, 0
            last += (size - 1) * stride
        dtype = self.dtype_info
        return dtype.nbytes(self.storage_offset), dtype.nbytes(last + 1)


MOST_ELEMENTS = (1 << 63) - 1
"""The largest size, stride or place, in elements, that torch can have."""
MOST_DIMENSIONS = 128


def contiguous_stride(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a tensor of that shape whose elements lie in the order of their flat index."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size or 1
    return tuple(strides[::-1])


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A node of the module tree; `type` is the class's dotted name, None where the file does not tell it."""

    name: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file's size in bytes and time of change in nanoseconds, to notice that it became another."""

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """The stamp of a file as it is now."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)

    def require_same(self) -> None:
        """Raise `FileChangedError` where the file is gone or is another now."""
        try:
            now = FileStamp.of(self.path)
        except OSError as error:
            raise FileChangedError(f"{self.path}: cannot be read any more ({error.strerror}).") from error
        if now != self:
            raise FileChangedError(f"{self.path}: the file has changed since it was opened. Open it again.")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file, or a folder of shards, holds. It never changes once made.

    `path` is what was opened, `format` the name of its container in `pruner.formats`, `root` the key path of the
    dictionary that holds the weights (empty where it is the file's own), `roots` the key paths that hold weights,
    `others` the keys beside `root`, `metadata` the text the container itself carries, `globals` the classes and
    functions that its pickles name, `files` the files behind it and `detail` what the container's own module needs
    for saving. `edited` says that names differ from those in the file, that some are left out, or that only what
    tensors see is to be saved: a patched copy would not be it. `marks` are the masks that a reversible file has beside
    the values, by the tensors' names (see `pruner.marks`).
    """

    path: Path
    format: str
    tensors: Mapping[str, TensorInfo]
    modules: tuple[ModuleInfo, ...]
    files: tuple[FileStamp, ...]
    root: str = ""
    roots: tuple[str, ...] = ("",)
    others: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    globals: tuple[GlobalUse, ...] = ()
    edited: bool = False
    marks: Mapping[str, TensorInfo] = field(default_factory=dict)
    detail: Any = field(default=None, repr=False)

    def __getitem__(self, name: str) -> TensorInfo:
        """The tensor of that name; raises `UnknownTensorError`."""
        try:
            return self.tensors[name]
        except KeyError:
            raise UnknownTensorError(f"{self.path.name}: there is no tensor named “{name}”.") from None

    @property
    def numel(self) -> int:
        """Elements of all tensors."""
        return sum(info.numel for info in self.tensors.values())

    @property
    def file_bytes(self) -> int:
        """Bytes of the files."""
        return sum(stamp.size for stamp in self.files)

    def read(self, name: str) -> torch.Tensor:
        """The tensor on the CPU, with the file's dtype, shape and strides (contiguous where it overlaps itself).

        Raises `UnknownTensorError`, or `PrunerError` where the file cannot be read or changed since it was opened.
        """
        from pruner.reading import read_tensor

        tensor = read_tensor(self[name])
        self.require_current(self[name])
        return tensor

    def chunks(self, name: str, elements: int) -> Iterator[torch.Tensor]:
        """The tensor's elements by flat index, in one-dimensional tensors of at most `elements` on the CPU.

        Raises as `read` does.
        """
        from pruner.reading import read_chunks

        for chunk in read_chunks(self[name], elements):
            self.require_current(self[name])
            yield chunk

    def require_unchanged(self) -> None:
        """Raise `FileChangedError` where a file behind it is gone or is another than when it was opened."""
        for stamp in self.files:
            stamp.require_same()

    def require_current(self, info: TensorInfo) -> None:
        """`require_unchanged` for the files that hold a tensor's numbers; asked after reading, it speaks for them."""
        used = {info.storage.file, *(piece.file for piece in info.pieces)}
        for stamp in self.files:
            if stamp.path in used:
                stamp.require_same()
