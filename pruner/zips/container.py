"""Containers that are one zip archive: patched, with entries deflated, with records of a pruning beside the rest.

torch passes over records that its pickles do not name, so that a reversible file loads in plain torch as it did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.entries import Entry
from pruner.marks import PREFIX, is_mark
from pruner.mask import Mask
from pruner.patching import regions_by_storage
from pruner.progress import Meter
from pruner.record import KEY
from pruner.zips.directory import ZipEntry, read_entries
from pruner.zips.entries import entry_bytes, storage_of
from pruner.zips.patching import patch_archive
from pruner.zips.writing import ZipWriter

FOLDER = ".secateur/"
"""Where in an archive's own folder our records lie."""
_RECORD, _ROOT, _MARKS = "pruning.json", "root", "marks/"
_OURS = re.compile(r"[^/]+/\.secateur/(.*)", re.DOTALL)
_MAX_RECORD = 1 << 28


@dataclass(frozen=True)
class ZipContainer:
    """How an archive is patched: with its entries deflated (`deflate`), with `marks` and a `record` beside them.

    Records of an earlier pruning that the source has are left out.
    """

    deflate: bool = False
    marks: tuple[Entry, ...] = ()
    record: str = ""

    takes_marks: ClassVar[bool] = True
    """Whether those who read the archive pass over entries that they do not know."""

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        """See `PatchableFormat`."""
        path = checkpoint.path
        entries = read_entries(path)
        theirs = [entry for name, entry in entries.items() if not _OURS.fullmatch(name)]
        regions = regions_by_storage(checkpoint, masks)
        if not self.deflate and not self.record and len(theirs) == len(entries):
            return patch_archive(path, target, theirs, regions, meter)
        prefix = next(iter(entries)).partition("/")[0]
        add = lambda archive: self.add_records(archive, prefix, self.marks, self.record, checkpoint.root)  # noqa: E731
        return patch_archive(path, target, theirs, regions, meter, anew=True, deflate=self.deflate, beside=add)

    @staticmethod
    def add_records(archive: ZipWriter, prefix: str, marks: Sequence[Entry], record: str, root: str) -> None:
        """Write the record of a pruning, where there is one, and its marks, under the archive's folder `prefix`.

        `root` says which of several sets of weights in the archive they are of.
        """
        if record:
            archive.add_bytes(f"{prefix}/{FOLDER}{_RECORD}", record.encode())
            archive.add_bytes(f"{prefix}/{FOLDER}{_ROOT}", _bytes(root))
        for mark in marks:
            name = f"{prefix}/{FOLDER}{_MARKS}{_quoted(mark.source.name)}"
            archive.add(name, mark.nbytes, mark.chunks, mark.name)

    @staticmethod
    def with_marks(checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with what the records in its archive tell."""
        found = {name[1]: entry for name, entry in _ours(read_entries(checkpoint.path))}
        if not {_RECORD, _ROOT} <= found.keys():
            return checkpoint
        text, root = (entry_bytes(checkpoint.path, found[name], _MAX_RECORD) for name in (_RECORD, _ROOT))
        if root != _bytes(checkpoint.root):
            return checkpoint
        marks: dict[str, TensorInfo] = {}
        for name, entry in found.items():
            of = checkpoint.tensors.get(unquote(name.removeprefix(_MARKS), errors="surrogatepass"))
            if name.startswith(_MARKS) and of is not None:
                bits = TensorInfo(of.name, "buffer", "uint8", (entry.size,), (1,), storage_of(checkpoint.path, entry))
                marks |= {of.name: bits} if is_mark(bits, of) else {}
        return replace(checkpoint, marks=marks, metadata={**checkpoint.metadata, KEY: text.decode("utf-8", "replace")})


def _bytes(root: str) -> bytes:
    return root.encode("utf-8", "surrogatepass")


def _ours(entries: Mapping[str, ZipEntry]) -> Iterator[tuple[re.Match[str], ZipEntry]]:
    for name, entry in entries.items():
        if match := _OURS.fullmatch(name):
            yield match, entry


def _quoted(name: str) -> str:
    return quote(name.removeprefix(PREFIX), safe="", errors="surrogatepass")
