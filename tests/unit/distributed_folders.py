"""Folders of torch.distributed.checkpoint for tests, made by torch itself or by hand."""

import dataclasses
import hashlib
import io
import math
import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

import pruner

links = pytest.mark.skipif(os.name == "nt", reason="Windows makes links only for administrators")


def saved(folder: Path, state: dict) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=folder, no_dist=True)
    return folder


def as_torch_loads(folder: Path) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp_to_torch_save(folder, folder.parent / f"{folder.name}.pt")
    return torch.load(folder.parent / f"{folder.name}.pt", weights_only=False)


def loaded_into(folder: Path, like: dict) -> dict:
    fresh = {name: torch.full_like(tensor, 7) for name, tensor in like.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.load(fresh, checkpoint_id=folder, no_dist=True)
    return fresh


def grid(shape: tuple[int, ...], parts: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Blocks of a tensor that is cut into so many parts along each dimension, uneven where it does not come out."""
    blocks: list = [((), ())]
    for size, count in zip(shape, parts, strict=True):
        step = math.ceil(size / count)
        edges = [(begin, min(step, size - begin)) for begin in range(0, size, step)]
        blocks = [((*first, begin), (*sizes, length)) for first, sizes in blocks for begin, length in edges]
    return blocks


def handmade(folder: Path, tensors: dict[str, tuple[torch.Tensor, list]], files: int = 2) -> Metadata:
    """A folder as ranks write it together: the blocks of the tensors go to the files in turn."""
    folder.mkdir()
    streams = [io.BytesIO() for _ in range(files)]
    described, places, turn = {}, {}, 0
    for key, (tensor, blocks) in tensors.items():
        chunks = []
        for first, shape in blocks:
            block = tensor[tuple(slice(begin, begin + size) for begin, size in zip(first, shape, strict=True))].clone()
            rank, turn = turn % files, turn + 1
            begin = streams[rank].tell()
            torch.save(block, streams[rank])
            index = MetadataIndex(key, torch.Size(first), len(chunks))
            places[index] = _StorageInfo(f"__{rank}_0.distcp", begin, streams[rank].tell() - begin)
            chunks.append(ChunkStorageMetadata(torch.Size(first), torch.Size(shape)))
        described[key] = TensorStorageMetadata(TensorProperties(tensor.dtype), tensor.size(), chunks)
    for rank, stream in enumerate(streams):
        (folder / f"__{rank}_0.distcp").write_bytes(stream.getvalue())
    metadata = Metadata(described, {key: (key,) for key in described}, places, None, "1.0.0")
    rewritten(folder, metadata)
    return metadata


def rewritten(folder: Path, metadata: object) -> None:
    (folder / ".metadata").write_bytes(pickle.dumps(metadata))


def digests(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir() if one.is_file()}


def two_tiles(folder: Path) -> Metadata:
    tensor = torch.arange(24.0).reshape(4, 6)
    return handmade(folder, {"weight": (tensor, grid((4, 6), (2, 1))), "bias": (torch.ones(3), grid((3,), (1,)))})


def placed(metadata: Metadata, **changes: object) -> Metadata:
    places = dict(metadata.storage_data)
    first = next(iter(places))
    places[first] = dataclasses.replace(places[first], **changes)
    return dataclasses.replace(metadata, storage_data=places)


def pruned_half(checkpoint: pruner.Checkpoint, pattern: str = "*.weight") -> pruner.Pruning:
    return pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {pattern: 0.5}), device="cpu")
