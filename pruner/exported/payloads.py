"""Tensors that a JSON describes, each with the entry of its numbers (torch/_export/serde/schema.py)."""

from __future__ import annotations

from typing import Any

from pruner.checkpoint import MOST_DIMENSIONS, MOST_ELEMENTS, Layout
from pruner.errors import PrunerError, damaged
from pruner.exported.package import Package
from pruner.pickles.torch_objects import TensorRecord, tensor_of
from pruner.zips.entries import storage_of

# ScalarType and Layout there
_FIRST = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32", "complex64")
_LAST = ("uint16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "uint32")
_DTYPES = dict(enumerate((*_FIRST, "complex128", "bool", "bfloat16"), 1)) | dict(enumerate((*_LAST, "uint64"), 28))
_LAYOUTS: dict[int, Layout] = {**dict.fromkeys(range(1, 6), "sparse"), 6: "wrapper", 7: "strided"}


def record_of(package: Package, folder: str, name: str, payload: Any) -> TensorRecord | None:
    """A tensor by its description (PayloadMeta); None for an object that is no tensor."""
    path = payload.get("path_name") if isinstance(payload, dict) else None
    if type(path) is not str or "/" in path or path.endswith(".json") or f"{folder}{path}" not in package:
        raise damaged(package.path, f"the numbers of “{name}” are missing")
    file, pickled, meta = f"{folder}{path}", payload.get("use_pickle"), payload.get("tensor_meta")
    if pickled is True and meta is None:
        return None
    record = _bare(package, name, file, meta)
    if pickled is True:
        known = tensor_of(package.pickle(file).value)
        record = package.placed(name, known) if known is not None else record._replace(storage="", layout="wrapper")
    elif package.dtypes.setdefault(file, record.dtype) != record.dtype:
        raise damaged(package.path, f"“{name}” has the bytes of a tensor of another type")
    if file in package.dtypes and file in package.pickles:
        raise damaged(package.path, f"“{name}” has the bytes of another tensor's file")
    return record


def _bare(package: Package, name: str, file: str, meta: Any) -> TensorRecord:
    """A tensor by its shape and type (TensorMeta), with an entry's bytes; none are there for a fake one."""
    if not isinstance(meta, dict):
        raise damaged(package.path, f"“{name}” is not described")
    dtype, layout = meta.get("dtype"), meta.get("layout")
    if type(dtype) is not int or dtype not in _DTYPES:
        raise PrunerError(f"{package.path}: “{name}” is of the type {dtype!r}, which Secateur does not know.")
    if type(layout) is not int or layout not in _LAYOUTS:
        raise PrunerError(f"{package.path}: “{name}” has the layout {layout!r}, which Secateur does not know.")
    view = view_of(package, name, [meta.get("storage_offset")], meta.get("sizes"), meta.get("strides"))
    storage = package.storages[file] = storage_of(package.path, package.entry(file))
    fake = not storage.nbytes and 0 not in view[1]
    return TensorRecord(file, _DTYPES[dtype], *view, layout="meta" if fake else _LAYOUTS[layout])


def view_of(package: Package, name: str, *parts: Any) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Offset (in a list), sizes and strides of a tensor, checked."""
    offset, shape, stride = [_numbers(package, name, part) for part in parts]
    if len(shape) != len(stride):
        raise damaged(package.path, f"“{name}” has {len(shape)} sizes and {len(stride)} strides")
    return offset[0], shape, stride


def _numbers(package: Package, name: str, values: Any) -> tuple[int, ...]:
    """Sizes or strides: plain numbers, or objects as JSON has them (SymInt); raises where torch cannot have them."""
    if isinstance(values, list) and len(values) <= MOST_DIMENSIONS:
        numbers: list[Any] = [value.get("as_int") if type(value) is dict else value for value in values]
        if not [number for number in numbers if type(number) is not int or not 0 <= number <= MOST_ELEMENTS]:
            return tuple(numbers)
    raise damaged(package.path, f"“{name}” has no proper shape, strides or place")
