"""torch.distributed.checkpoint: a folder with a pickle, `.metadata`, and files of items, `__RANK_N.distcp`.

The pickle names the tensors, the blocks that each is cut into, and the place of every block; the keys are those of
nested dictionaries joined by dots (torch/distributed/checkpoint: metadata.py, filesystem.py, _nested_dict.py; the
layout is the same since torch 2.0). torch would run whatever the pickle says; here it is only read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pruner.checkpoint import Checkpoint, Kind, Storage, TensorInfo
from pruner.distributed.folder import Folder, head_of, metadata_files, metadata_of
from pruner.distributed.metadata import Places, attributes, places_of, read_metadata
from pruner.distributed.patching import copy_folder
from pruner.distributed.tiling import pieces_of
from pruner.distributed.tree import Described, leaves, tensors_and_tree
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.pickles.roots import choose_root, find_roots, keys_beside
from pruner.pickles.torch_objects import TensorRecord
from pruner.progress import Meter

_MARK = re.compile(rb"torch\.distributed\.(_shard\.)?checkpoint\.metadata\b")


class Distributed:
    """See `Format`."""

    name = "distributed"
    title = "torch.distributed.checkpoint (a folder)"
    suffixes: tuple[str, ...] = ()

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(_is_metadata(one, head_of(one)) for one in metadata_files(path))
        if path.suffix == ".distcp":
            return head.startswith(b"PK\x03\x04") or bool(metadata_files(path.parent))
        return _is_metadata(path, head)

    def open(self, path: Path, root: str | None) -> Checkpoint:
        metadata = metadata_of(path)
        folder = Folder(metadata)
        pickle = read_metadata(metadata)
        saved = attributes(metadata, pickle.value, "Metadata")
        places = places_of(folder, saved.get("storage_data"))
        tensors, top = tensors_and_tree(metadata, saved)
        try:
            roots = find_roots(top) or find_roots(dict(leaves(top)))
            if not roots:
                raise PrunerError("there are no weights in it")
            chosen = choose_root(roots, root)
        except PrunerError as error:
            raise PrunerError(f"{path}: {error}.") from error
        version = saved.get("version")
        return Checkpoint(
            path=path,
            format=self.name,
            tensors={
                name: _info(metadata, name, kind, record, tensors[record.storage], places)
                for name, (kind, record) in chosen.weights.tensors.items()
            },
            modules=chosen.weights.modules,
            files=tuple(folder.stamps.values()),
            root=chosen.path,
            roots=tuple(roots),
            others=keys_beside(top, chosen),
            warnings=chosen.remarks,
            metadata={"version": version} if isinstance(version, str) else {},
            globals=pickle.globals,
            detail=metadata,
        )

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        """A folder with the same files; what is no ordinary file in the source folder stays out."""
        metadata: Path = checkpoint.detail
        return copy_folder(metadata.parent, target, checkpoint, masks, meter)


FORMAT = Distributed()


def _is_metadata(path: Path, head: bytes) -> bool:
    """By its first bytes; one that begins with something else, which only a trap does, by what stands beside it."""
    if _MARK.search(head):
        return True
    return path.name == ".metadata" and head[:1] == b"\x80" and any(path.parent.glob("*.distcp"))


def _info(
    metadata: Path, name: str, kind: Kind, record: TensorRecord, described: Described, places: Places
) -> TensorInfo:
    pieces = pieces_of(metadata, record.storage, record.shape, described.chunks, places)
    return TensorInfo(
        name=name,
        kind=kind,
        dtype=record.dtype,
        shape=record.shape,
        stride=record.stride,
        storage=Storage(pieces[0].file, pieces[0].offset, 0) if pieces else Storage(metadata, 0, 0),
        layout="strided" if described.strided else "sparse",
        pieces=pieces,
    )
