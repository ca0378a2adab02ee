"""safetensors: a header of names, types, shapes and places, and the numbers behind it.

The header's rules are those of the format's description (huggingface/safetensors, README “Format”): its length in 8
bytes, little-endian; JSON that begins with `{`; tensors that cover the rest of the file without holes or overlaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from pruner.checkpoint import (
    MOST_DIMENSIONS,
    MOST_ELEMENTS,
    Checkpoint,
    FileStamp,
    Kind,
    Storage,
    TensorInfo,
    contiguous_stride,
)
from pruner.dtypes import DTYPES
from pruner.entries import Entry, unshared
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.module_tree import kind_from_name, modules_from_names
from pruner.patching import copy_zeroed, regions_by_storage
from pruner.progress import Meter
from pruner.record import KEY

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F4": "float4_e2m1fn_x2",
    "F6_E2M3": "float6_e2m3",
    "F6_E3M2": "float6_e3m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_MAX_HEADER = 100_000_000


class Safetensors:
    """See `Format`."""

    name = "safetensors"
    title = "safetensors"
    suffixes = (".safetensors",)

    def recognises(self, path: Path, head: bytes) -> bool:
        """A header begins with `{`; where its length cannot be one, only the file's ending tells what it should be."""
        return head[8:9] == b"{" and (head[4:8] == bytes(4) or path.suffix == ".safetensors")

    def open(self, path: Path, root: str | None) -> Checkpoint:
        if root:
            raise PrunerError(f"{path}: a safetensors file has no keys above its tensors; leave “{root}” out.")
        tensors, metadata = _read_file(path)
        found = {info.name: info for info in tensors}
        return Checkpoint(
            path=path,
            format=self.name,
            tensors=found,
            modules=modules_from_names(found),
            files=(FileStamp.of(path),),
            metadata=metadata,
        )

    def patch(self, checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Path, meter: Meter) -> list[str]:
        copy_zeroed(checkpoint.path, target, regions_by_storage(checkpoint, masks), meter)
        return []

    def write(self, checkpoint: Checkpoint, entries: Sequence[Entry], target: Path, meter: Meter) -> list[str]:
        """One file; whatever stands beside the weights in the source has no place in this container."""
        metadata = dict(checkpoint.metadata)
        if not metadata.keys() - {KEY}:
            metadata["format"] = "pt"
        with target.open("xb") as file:
            file.write(_header(entries, metadata))
            for entry in entries:
                for part in entry.chunks():
                    file.write(part)
                    meter.step(len(part), entry.name)
        left_out = ", ".join(checkpoint.others)
        notes = [f"safetensors holds tensors only; left out: {left_out}."] if left_out else []
        return notes + unshared(entries)


FORMAT = Safetensors()


def _header(entries: Sequence[Entry], metadata: Mapping[str, str]) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    offset = 0
    for entry in entries:
        dtype = _NAMES.get(entry.source.dtype)
        if entry.source.layout != "strided":
            raise PrunerError(f"“{entry.name}” is {entry.source.layout}, which safetensors cannot hold. Save as .pt.")
        if dtype is None:
            raise PrunerError(f"“{entry.name}” is {entry.source.dtype}, which safetensors cannot hold. Save as .pt.")
        if entry.name == "__metadata__":
            raise PrunerError("safetensors cannot hold a tensor named “__metadata__”. Save as .pt.")
        header[entry.name] = {
            "dtype": dtype,
            "shape": list(entry.source.shape),
            "data_offsets": [offset, offset + entry.nbytes],
        }
        offset += entry.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _read_file(path: Path) -> tuple[list[TensorInfo], dict[str, str]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        header, data_start = _read_header(path, file, size)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _wrong(path, "its metadata is not text")
    names = frozenset(header)
    tensors = [
        _tensor(path, name, kind_from_name(name, names), entry, data_start, size) for name, entry in header.items()
    ]
    _require_covered(path, tensors, data_start, size)
    return tensors, metadata


def _read_header(path: Path, file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    if size < 8:
        raise _wrong(path, f"it is only {size} bytes long")
    length = int.from_bytes(file.read(8), "little")
    if length > _MAX_HEADER:
        raise _wrong(path, f"its header says it is {length} bytes long (at most {_MAX_HEADER} are allowed)")
    if 8 + length > size:
        raise _wrong(path, f"its header says it is {length} bytes long, but the file has only {size}")
    return _parse(path, file.read(length)), 8 + length


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    """A JSON object; a key that stands twice is refused, since readers disagree on which one counts."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise _wrong(path, f"“{twice}” stands in it twice")
        return made

    try:
        parsed = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "its header is not JSON") from error
    if not isinstance(parsed, dict):
        raise _wrong(path, "its header is no JSON object")
    return parsed


def _tensor(path: Path, name: str, kind: Kind, entry: Any, data_start: int, size: int) -> TensorInfo:
    if not isinstance(entry, dict):
        raise _wrong(path, f"the entry of “{name}” is no object")
    dtype = _DTYPES.get(str(entry.get("dtype")))
    if dtype is None:
        raise PrunerError(f"{path}: “{name}” is of the type {entry.get('dtype')!r:.60}, which Secateur does not know.")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise _wrong(path, f"“{name}” has no proper shape or place")
    begin, end = offsets
    if begin > end or data_start + end > size:
        raise _wrong(path, f"“{name}” lies outside the file (bytes {begin} to {end} of {size - data_start})")
    sizes = _stored_shape(path, name, dtype, shape)
    needed = DTYPES[dtype].nbytes(math.prod(sizes))
    if end - begin != needed:
        raise _wrong(path, f"“{name}” takes {end - begin} bytes, but its shape needs {needed}")
    storage = Storage(path, data_start + begin, needed)
    return TensorInfo(name, kind, dtype, sizes, contiguous_stride(sizes), storage)


def _stored_shape(path: Path, name: str, dtype: str, shape: list[int]) -> tuple[int, ...]:
    """torch's shape; two numbers of F4 are one element of torch's packed type, along the last dimension."""
    if dtype != "float4_e2m1fn_x2":
        return tuple(shape)
    if not shape or shape[-1] % 2:
        raise _wrong(path, f"“{name}” has an odd number of 4-bit numbers in a row")
    return (*shape[:-1], shape[-1] // 2)


def _whole_numbers(value: Any) -> TypeGuard[list[int]]:
    if type(value) is not list or len(value) > MOST_DIMENSIONS:
        return False
    for part in value:  # noqa: SIM110 - a generator for each tensor would take longer than all else
        if type(part) is not int or not 0 <= part <= MOST_ELEMENTS:
            return False
    return True


def _require_covered(path: Path, tensors: list[TensorInfo], data_start: int, size: int) -> None:
    """The tensors' bytes follow one another from the header to the end of the file."""
    position, before = data_start, "the header"
    for info in sorted(tensors, key=lambda info: (info.storage.offset, info.storage.nbytes)):
        if info.storage.offset < position:
            raise _wrong(path, f"{before} and “{info.name}” overlap")
        if info.storage.offset > position:
            raise _wrong(path, f"there is a hole of {info.storage.offset - position} bytes before “{info.name}”")
        position, before = info.storage.offset + info.storage.nbytes, f"“{info.name}”"
    if position != size:
        raise _wrong(path, f"{size - position} bytes behind the last tensor belong to nothing")


def _wrong(path: Path, what: str) -> PrunerError:
    return PrunerError(f"{path}: no sound safetensors file: {what}. Fetch or copy it again.")
