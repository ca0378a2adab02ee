"""Tensors that a container keeps in pieces: where each piece's numbers lie, and the tensor put together from them.

A piece is a small file of `torch.save` inside a larger file, and holds one tensor (torch/distributed/checkpoint/
filesystem.py, `_write_item`). It is looked up when it is needed, and nothing in its pickle is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pruner.checkpoint import FileStamp, Kind, Piece, TensorInfo
from pruner.dtypes import torch_dtype
from pruner.errors import PrunerError
from pruner.mask import Bytes
from pruner.pickles.document import sound_pickle
from pruner.pickles.torch_objects import TensorRecord, tensor_of
from pruner.pieces import in_chunks
from pruner.reading import read_chunks, read_tensor, why_unreadable
from pruner.zips.directory import ZipEntry, read_entries
from pruner.zips.entries import entry_bytes, storage_of

if TYPE_CHECKING:
    import torch

_MAX_PICKLE = 1 << 20
_REMEMBERED = 4096
_OTHER_ITEMS = (
    (0, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", "in the format of torch before 1.6"),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (0, b"\x1f\x8b", "packed with gzip"),
    (8, b"{", "of safetensors"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A piece as a tensor of its own, and the entry of the item's archive that holds its numbers."""

    info: TensorInfo
    entry: ZipEntry


def located(info: TensorInfo, piece: Piece) -> Item:
    """Where the numbers of a tensor's piece lie.

    Raises `PrunerError`, with the tensor's name, where the item is missing, damaged, not of `torch.save`'s zip format,
    or not what the tensor's description says.
    """
    try:
        stamp = FileStamp.of(piece.file)
        return _located(piece, info.name, info.kind, info.dtype, stamp)
    except PrunerError as error:
        raise PrunerError(f"{error} (The piece of “{info.name}” at byte {piece.offset}.)") from error
    except OSError as error:
        raise PrunerError(f"{piece.file}: “{info.name}” cannot be read ({error.strerror or error}).") from error


@lru_cache(_REMEMBERED)
def _located(piece: Piece, name: str, kind: Kind, dtype: str, stamp: FileStamp) -> Item:
    """`stamp` is the file's present one: what was found in another state of the file does not count."""
    if piece.offset + piece.length > stamp.size:
        raise PrunerError(f"{piece.file}: the file ends early. It is cut off or has changed.")
    _require_archive(piece)
    entries = read_entries(piece.file, piece.offset, piece.length)
    prefix = next((one.removesuffix("data.pkl") for one in entries if one.endswith("/data.pkl")), None)
    if prefix is None:
        raise PrunerError(f"{piece.file}: what lies there is not of torch.save.")
    order = entries.get(f"{prefix}byteorder")
    if order is not None and entry_bytes(piece.file, order, 16) == b"big":
        raise PrunerError(f"{piece.file}: it was saved on a big-endian machine; load it in torch there and save again.")
    record = _record(piece, dtype, entry_bytes(piece.file, entries[f"{prefix}data.pkl"], _MAX_PICKLE))
    entry = entries.get(f"{prefix}data/{record.storage}")
    if entry is None:
        raise PrunerError(f"{piece.file}: the numbers are missing. The file is damaged.")
    storage = storage_of(piece.file, entry)
    info = TensorInfo(name, kind, dtype, record.shape, record.stride, storage, record.offset)
    if sum(info.span) > storage.nbytes or info.overlapping:
        raise PrunerError(f"{piece.file}: what lies there reaches beyond its storage. The file is damaged.")
    return Item(info, entry)


def _require_archive(piece: Piece) -> None:
    with piece.file.open("rb") as file:
        file.seek(piece.offset)
        head = file.read(32)
    if head.startswith(b"PK\x03\x04"):
        return
    kind = next((what for offset, magic, what in _OTHER_ITEMS if head.startswith(magic, offset)), "of no known kind")
    raise PrunerError(
        f"{piece.file}: what lies there is {kind}, not a zip of torch.save; it is not read. Load the folder with torch "
        "and save it again."
    )


def _record(piece: Piece, dtype: str, pickled: bytes) -> TensorRecord:
    """The one tensor that an item's pickle describes."""
    record = tensor_of(sound_pickle(piece.file, pickled).value)
    if record is None or record.layout != "strided":
        raise PrunerError(f"{piece.file}: what lies there is no plain tensor; it is kept as it is.")
    if (record.dtype, record.shape) != (dtype, piece.shape):
        raise PrunerError(
            f"{piece.file}: what lies there is {record.dtype} of shape {record.shape}, but should be {dtype} of shape "
            f"{piece.shape}. The folder is damaged, or of two checkpoints."
        )
    return record


def put_together(info: TensorInfo) -> torch.Tensor:
    """The whole tensor on the CPU, contiguous; raises `PrunerError` as `located` and `read_tensor` do."""
    import torch

    parts = [located(info, piece).info for piece in info.pieces]
    if len(parts) == 1:
        return read_tensor(parts[0]).contiguous()
    itemsize = info.dtype_info.itemsize
    if not itemsize:
        raise PrunerError(f"{info.storage.file}: “{info.name}” cannot be read: {why_unreadable(info)}")
    try:
        whole = np.empty((*info.shape, itemsize), dtype=np.uint8)
    except MemoryError as error:
        raise PrunerError(f"{info.storage.file}: “{info.name}” does not fit into memory.") from error
    for piece, part in zip(info.pieces, parts, strict=True):
        # A copy, since torch takes a tensor of one element as contiguous whatever its stride.
        block = read_tensor(part).clone(memory_format=torch.contiguous_format)
        raw: Bytes = block.reshape(-1).view(torch.uint8).numpy()
        whole[block_of(piece)] = raw.reshape(*piece.shape, itemsize)
    return torch.from_numpy(whole.reshape(-1)).view(torch_dtype(info.dtype)).reshape(info.shape)


def chunks_of_pieces(info: TensorInfo, elements: int) -> Iterator[torch.Tensor]:
    """The elements by flat index, in one-dimensional tensors of `elements`, the last one of what is left.

    A contiguous piece that has its rows (along the first dimension) for itself is read chunk by chunk; of others
    those that share rows are in memory together. Raises `PrunerError` as `put_together` does.
    """
    return in_chunks(_runs(info, elements), elements)


def _runs(info: TensorInfo, elements: int) -> Iterator[torch.Tensor]:
    """The elements by flat index, in one-dimensional tensors of whatever length."""
    for group in _by_rows(info.pieces):
        if len(group) == 1:
            yield from read_chunks(located(info, group[0]).info, elements)
            continue
        begin = group[0].first[0]
        end = max(piece.first[0] + piece.shape[0] for piece in group)
        moved = tuple(replace(piece, first=(piece.first[0] - begin, *piece.first[1:])) for piece in group)
        yield put_together(replace(info, shape=(end - begin, *info.shape[1:]), pieces=moved)).reshape(-1)


def _by_rows(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces in groups, one below the other, wherever no piece lies across the cut."""
    if len(pieces) == 1:
        return [list(pieces)]
    groups: list[list[Piece]] = []
    end = 0
    for piece in sorted(pieces, key=lambda one: one.first):
        if not groups or piece.first[0] >= end:
            groups.append([])
        groups[-1].append(piece)
        end = max(end, piece.first[0] + piece.shape[0])
    return groups


def block_of(piece: Piece) -> tuple[slice, ...]:
    """The piece's place in its tensor, as an index."""
    return tuple(slice(first, first + size) for first, size in zip(piece.first, piece.shape, strict=True))
