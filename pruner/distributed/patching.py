"""Copies of a folder of torch.distributed.checkpoint in which pruned elements are zeroed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from zlib_ng.zlib_ng import crc32

from pruner.checkpoint import Checkpoint, Piece
from pruner.distributed.folder import leads_out
from pruner.distributed.pieces import Item, block_of, located
from pruner.errors import PrunerError
from pruner.mask import Bytes, Mask
from pruner.patching import Copying, Region, zeroed
from pruner.progress import Meter
from pruner.zips.directory import ZipEntry
from pruner.zips.patching import write_checksum

_Pruned = tuple[Item, Piece, Mask]
"""A piece where it lies, and the mask of its tensor."""


def copy_folder(
    folder: Path, target: Path, checkpoint: Checkpoint, masks: Mapping[str, Mask], meter: Meter
) -> list[str]:
    """A folder with the same files; what is no ordinary file in the source folder stays out.

    Returns notes for the user. Raises `OSError` as files do, and `PrunerError` where an item cannot be patched.
    """
    wanted = _by_file(checkpoint, masks)
    target.mkdir()
    notes: list[str] = []
    for source in sorted(folder.iterdir()):
        if source.is_file() and not leads_out(source):
            notes += _copy_pieces(source, target / source.name, wanted.get(source.name, ()), meter)
        elif source.name != target.name:
            notes.append(f"“{source.name}” is no file of the folder's own: it is not copied.")
    return notes


def _by_file(checkpoint: Checkpoint, masks: Mapping[str, Mask]) -> dict[str, list[_Pruned]]:
    """The pieces of the masked tensors by the names of their files."""
    found: dict[str, list[_Pruned]] = {}
    for name, mask in masks.items():
        for piece in checkpoint[name].pieces:
            item = located(checkpoint[name], piece)
            if item.info.storage.deflated is not None:
                raise PrunerError(f"{piece.file}: “{name}” is packed in it. Save as .pt or .safetensors instead.")
            found.setdefault(piece.file.name, []).append((item, piece, mask))
    return found


def cut(mask: Mask, piece: Piece) -> Mask:
    """The part of a tensor's mask that falls on a piece of it."""
    if piece.shape == mask.shape:
        return mask
    row = math.prod(mask.shape[1:])
    start, stop = piece.first[0] * row, (piece.first[0] + piece.shape[0]) * row
    if piece.shape[1:] == mask.shape[1:]:
        return Mask(piece.shape, _bits(mask.bits, start, stop))
    begin = start // 8 * 8
    rows = mask.chunk(begin, stop)[start - begin :].reshape(piece.shape[0], *mask.shape[1:])
    return Mask.from_bools(rows[(slice(None), *block_of(piece)[1:])])


def _bits(bits: Bytes, start: int, stop: int) -> Bytes:
    """The bits `start` to `stop` of a packed mask, packed anew, those behind the last one 0."""
    shift, count = start % 8, stop - start
    taken = bits[start // 8 : (stop + 7) // 8].copy()
    if shift:
        taken >>= np.uint8(shift)
        taken[:-1] |= bits[start // 8 + 1 : (stop + 7) // 8] << np.uint8(8 - shift)
    taken = taken[: (count + 7) // 8]
    if count % 8:
        taken[-1] &= np.uint8((1 << count % 8) - 1)
    return taken


def _copy_pieces(source: Path, target: Path, pieces: Iterable[_Pruned], meter: Meter) -> list[str]:
    """Copy a file that holds items to a new name, with what the tensors' masks prune of these pieces zeroed.

    One pass; only those elements and the checksums over them differ. Returns notes for the user on data whose checksum
    did not match. Raises `OSError` as files do, and `PrunerError` where the source ends early.
    """
    notes: list[str] = []
    sums: list[tuple[ZipEntry, int]] = []
    with Copying(source, target, meter) as copying:
        for item, piece, mask in sorted(pieces, key=lambda one: one[0].info.storage.offset):
            own = cut(mask, piece)
            if not own.pruned:
                continue
            copying.copy_to(item.info.storage.offset)
            old = new = 0
            for before, after, what in zeroed(copying.read, item.info.storage.nbytes, [Region(item.info, own)]):
                old, new = crc32(before, old), crc32(after, new)
                copying.write(after, what)
            sums.append((item.entry, new))
            if old != item.entry.crc:
                notes.append(
                    f"The checksum of “{item.info.name}” did not match in the source; its data may be damaged."
                )
        copying.copy_to(None)
    with target.open("r+b") as file:
        for entry, checksum in sums:
            write_checksum(file, entry, checksum)
    return notes
