"""What a file would weigh, before it is saved: counted, or measured on a sample where its entries are deflated."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pruner.checkpoint import Checkpoint, Storage
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.export import Form, form_named
from pruner.pickles.document import Document
from pruner.prune import Pruning
from pruner.reading import read_bytes
from pruner.record import record_of
from pruner.targets import Target, target_of
from pruner.zips.container import ZipContainer
from pruner.zips.deflate import packed_size

_SAMPLES = 64
_SAMPLE = 1 << 18
"""Bytes of a sample: together a sixth of a second's work."""
_ENTRY_BYTES = 256
"""What a container takes to describe a tensor, about."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of the files that saving would make; `sampled` where that is an estimate from deflated samples."""

    nbytes: int
    sampled: bool = False


def weigh(
    checkpoint: Checkpoint,
    pruning: Pruning,
    path: Path,
    form: str,
    *,
    shard_bytes: int | None = None,
    compress: bool = False,
) -> Generator[None, None, Weight]:
    """What `save` would make of the same; it yields between samples, to give way.

    Uncompressed it is exact to the few bytes by which tensors are described; a copy of a source whose entries are
    packed is packed, too. Raises `PrunerError` as `save` does.
    """
    chosen = form_named(form)
    target = target_of(checkpoint, chosen.patches, form, path, shard_bytes, marks=chosen.marks, compress=compress)
    yield
    entries = _entries(checkpoint, pruning, chosen, target)
    rest = _rest(checkpoint, chosen, target)
    total = sum(entry.nbytes for entry in entries) + sum(storage.nbytes for storage in rest)
    described = _ENTRY_BYTES * (len(entries) + len(rest)) + len(record_of(pruning, form))
    packed_already = target.patched and any(info.storage.deflated is not None for info in checkpoint.tensors.values())
    if not compress and not packed_already:
        marks = sum(entry.nbytes for entry in entries if entry.role == "bits")
        if not target.patched:
            return Weight(total + described)
        return Weight(dense_bytes(checkpoint) + (marks + len(record_of(pruning, form)) if marks else 0))
    packed, count = 0.0, 0
    for piece in _samples([*entries, *rest], total):
        packed += min(packed_size(piece) / len(piece), 1.0)
        count += 1
        yield
    return Weight(round(total * packed / max(count, 1)) + described, sampled=True)


def dense_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the checkpoint's files as they would be without compression and without masks beside the values."""
    document = checkpoint.detail
    storages = {info.storage for info in checkpoint.tensors.values()}
    storages |= set(document.storages.values()) if isinstance(document, Document) else set()
    saved = sum(one.nbytes - one.deflated for one in storages if one.deflated is not None)
    marks = (mark.storage.deflated or mark.nbytes for mark in checkpoint.marks.values())
    return checkpoint.file_bytes + saved - sum(marks)


def _entries(checkpoint: Checkpoint, pruning: Pruning, form: Form, target: Target) -> list[Entry]:
    """What is written; for torch's containers what is one memory counts once."""
    entries = form.entries(checkpoint, pruning)
    if not isinstance(target.container, ZipContainer):
        return list(entries)
    once: dict[object, Entry] = {}
    for entry in entries:
        info = entry.source
        values = entry.role in ("as_is", "orig", "zeroed")
        once.setdefault((info.storage, info.span) if values else entry.name, entry)
    return list(once.values())


def _rest(checkpoint: Checkpoint, form: Form, target: Target) -> list[Storage]:
    """The storages beside the weights that stay in the file: an optimizer's, another set of weights.

    What an edited checkpoint has left out, such as a mask, is one of the file's weights.
    """
    document = checkpoint.detail
    stays = target.patched or (target.container.name == checkpoint.format and not target.shard_suffix)
    if not isinstance(document, Document) or form.alone or not stays:
        return []
    weights = {record.storage for _, record in document.root.weights.tensors.values()}
    used = {info.storage for info in checkpoint.tensors.values()}
    used |= {storage for key, storage in document.storages.items() if key in weights}
    return [storage for storage in document.storages.values() if storage not in used]


def _samples(parts: Sequence[Entry | Storage], total: int) -> Iterator[memoryview]:
    """Pieces from places that are evenly spread over all bytes: each stands for as many of them."""
    places = iter([(2 * place + 1) * total // (2 * _SAMPLES) for place in range(_SAMPLES)])
    wanted = next(places, None)
    begin = 0
    for part in parts:
        end = begin + part.nbytes
        while wanted is not None and wanted < end:
            if len(piece := _piece(part, wanted - begin)):
                yield piece
            wanted = next(places, None)
        begin = end


def _piece(part: Entry | Storage, first: int) -> memoryview:
    """Up to `_SAMPLE` bytes that hold the byte `first`, or the beginning where only that is quickly read."""
    if isinstance(part, Entry):
        itemsize = part.source.dtype_info.nbytes(1)
        most = _SAMPLE // itemsize
        start = max(0, min(first // itemsize, part.source.numel - most)) // 8 * 8
        return part.piece(start, min(start + most, part.source.numel))
    if part.deflated is not None:
        first = 0
    start = max(0, min(first, part.nbytes - _SAMPLE))
    return read_bytes(part, start, min(_SAMPLE, part.nbytes - start)).data


def weigh_all(
    checkpoint: Checkpoint,
    pruning: Pruning,
    path: Path,
    names: Iterable[str],
    *,
    shard_bytes: int | None = None,
    compress: bool = False,
) -> Iterator[dict[str, Weight | str] | None]:
    """`weigh` for several forms, one dictionary for each as it is known; a text says why a form cannot be saved so."""
    for name in names:
        try:
            weight = yield from weigh(checkpoint, pruning, path, name, shard_bytes=shard_bytes, compress=compress)
        except PrunerError as error:
            yield {name: str(error)}
        else:
            yield {name: weight}
