"""What torch's own pickles mean: tensors, storages, state_dicts and modules, found in inert data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pruner.checkpoint import MOST_DIMENSIONS, MOST_ELEMENTS, Kind, Layout, ModuleInfo, contiguous_stride
from pruner.dtypes import DTYPES
from pruner.errors import PrunerError
from pruner.module_tree import kind_from_name, modules_from_names
from pruner.pickles.values import Call, Global, Persistent, attributes_of, mapping_of

_STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
DTYPE_STORAGES = {dtype: name for name, dtype in _STORAGE_DTYPES.items()}
_MOST_MODULES = 1_000_000
_DEEPEST = 400
_NAMING = (str, int, float, bytes, type(None), Global)


class TensorRecord(NamedTuple):
    """A tensor as a pickle describes it: `storage` is the storage's key, offset and strides count elements.

    A tensor whose `layout` is not `strided` has no storage that its shape and strides lead into: its key is empty.
    """

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    parameter: bool = False
    layout: Layout = "strided"


@dataclass(frozen=True)
class Weights:
    """Named tensors that belong together: a state_dict, a pickled module, a list of tensors or a single one.

    `value` is where they stand in the pickle; `names` leads from a tensor's name to its kind and description;
    `unknown` names tensors of makes that are not understood, `rest` the entries that are no tensors.
    """

    value: Any
    tensors: dict[str, tuple[Kind, TensorRecord]]
    modules: tuple[ModuleInfo, ...]
    unknown: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def is_state_dict(self) -> bool:
        """Whether the tensors stand by their names in one dictionary."""
        return mapping_of(self.value) is not None


def tensor_of(value: Any) -> TensorRecord | None:
    """The tensor that a value describes; None for anything else."""
    if type(value) is not Call or type(value.function) is not Global or type(value.args) is not tuple:
        return None
    read = _MAKERS.get(value.function.path)
    return read(value.args) if read is not None else None


def is_unknown_tensor(value: Any) -> bool:
    """Whether a value is a tensor that is not understood: of a newer make, or described against torch's rules."""
    return (
        isinstance(value, Call)
        and isinstance(value.function, Global)
        and value.function.module in ("torch._utils", "torch._tensor")
        and value.function.name.startswith("_rebuild")
        and tensor_of(value) is None
    )


def storage_key(value: Any) -> tuple[str, str | None] | None:
    """Key and dtype (None where it is untyped) of a storage by its persistent id; None for anything else."""
    if type(value) is not Persistent or type(value.id) is not tuple or len(value.id) < 5:
        return None
    tag, kind, key = value.id[:3]
    if tag != "storage" or not isinstance(kind, Global) or not isinstance(key, (str, int)):
        return None
    if kind.name == "UntypedStorage":
        return str(key), None
    dtype = _STORAGE_DTYPES.get(kind.name)
    return (str(key), dtype) if dtype else None


def _strided(args: tuple[Any, ...]) -> TensorRecord | None:
    """`_rebuild_tensor(_v2)` and `_rebuild_qtensor`: (storage, offset, shape, stride, …)."""
    return _record(args[0], None, *args[1:4]) if len(args) >= 4 else None


def _strided_v3(args: tuple[Any, ...]) -> TensorRecord | None:
    """(storage, offset, shape, stride, requires_grad, hooks, dtype, …)."""
    return _record(args[0], args[6].name, *args[1:4]) if len(args) >= 7 and isinstance(args[6], Global) else None


def _parameter(args: tuple[Any, ...]) -> TensorRecord | None:
    """(tensor, requires_grad, …)."""
    inner = tensor_of(args[0]) if args else None
    return inner and inner._replace(parameter=True)


def _of_type(args: tuple[Any, ...]) -> TensorRecord | None:
    """(function, type, arguments, state): a subclass of Tensor or Parameter, made by another of these functions."""
    if len(args) != 4:
        return None
    inner = tensor_of(Call(args[0], args[2]))
    return inner and inner._replace(parameter=isinstance(args[1], Global) and args[1].name.endswith("Parameter"))


def _sparse(args: tuple[Any, ...]) -> TensorRecord | None:
    """(layout, (indices, values, shape, …)), or (layout, (compressed, plain, values, shape))."""
    if len(args) != 2 or not isinstance(args[1], tuple) or len(args[1]) < 3:
        return None
    values, shape = (args[1][1:3]) if _numbers(args[1][2]) is not None else args[1][2:4]
    inner, sizes = tensor_of(values), _numbers(shape)
    return _without_storage("sparse", inner.dtype, sizes) if inner is not None else None


def _meta(args: tuple[Any, ...]) -> TensorRecord | None:
    """(dtype, shape, stride, requires_grad)."""
    return _without_storage("meta", _dtype_name(args[0]), _numbers(args[1])) if len(args) >= 2 else None


def _wrapper(args: tuple[Any, ...]) -> TensorRecord | None:
    """(class, dtype, shape, …), and `_rebuild_device_tensor_…`: (data, dtype, device, requires_grad)."""
    return _without_storage("wrapper", _dtype_name(args[1]), _numbers(args[2])) if len(args) >= 3 else None


def _nested(args: tuple[Any, ...]) -> TensorRecord | None:
    """(buffer, sizes, strides, offsets); the parts' sizes are numbers in the file: the buffer's own shape is told."""
    inner = tensor_of(args[0]) if args else None
    return _without_storage("nested", inner.dtype, inner.shape) if inner is not None else None


_MAKERS: dict[str, Callable[[tuple[Any, ...]], TensorRecord | None]] = {
    "torch._utils._rebuild_tensor": _strided,
    "torch._utils._rebuild_tensor_v2": _strided,
    "torch._utils._rebuild_tensor_v3": _strided_v3,
    "torch._utils._rebuild_qtensor": _strided,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type": _of_type,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_wrapper_subclass": _wrapper,
    "torch._utils._rebuild_nested_tensor": _nested,
}


def _record(storage: Any, dtype: str | None, offset: Any, shape: Any, stride: Any) -> TensorRecord | None:
    known = storage_key(storage)
    sizes, strides = _numbers(shape), _numbers(stride)
    if known is None or sizes is None or strides is None or len(sizes) != len(strides):
        return None
    name = dtype or known[1]
    if name not in DTYPES or type(offset) is not int or not 0 <= offset <= MOST_ELEMENTS:
        return None
    return TensorRecord(known[0], name, offset, sizes, strides)


def _without_storage(layout: Layout, dtype: str | None, shape: tuple[int, ...] | None) -> TensorRecord | None:
    if dtype not in DTYPES or shape is None:
        return None
    return TensorRecord("", dtype, 0, shape, contiguous_stride(shape), layout=layout)


def _dtype_name(value: Any) -> str | None:
    return value.name if isinstance(value, Global) and value.module == "torch" else None


def _numbers(value: Any) -> tuple[int, ...] | None:
    """A shape or strides: a tuple, a list, or a `torch.Size` of ints that are not negative and none too large."""
    if type(value) is not tuple:
        if isinstance(value, Call) and value.calls("torch.Size") and isinstance(value.args, tuple) and value.args:
            value = value.args[0]
        if not isinstance(value, (tuple, list)):
            return None
        value = tuple(value)
    numbers: tuple[int, ...] = value
    for part in numbers:
        if type(part) is not int or not 0 <= part <= MOST_ELEMENTS:
            return None
    return numbers if len(numbers) <= MOST_DIMENSIONS else None


def weights_of(value: Any) -> Weights | None:
    """The tensors that a value holds directly; None where it holds none."""
    if (single := tensor_of(value)) is not None:
        return Weights(value, {"tensor": ("parameter" if single.parameter else "tensor", single)}, ())
    if is_module(value):
        return _weights_of_module(value)
    if isinstance(value, (list, tuple)):
        entries = {str(index): part for index, part in enumerate(value)}
    else:
        entries = _named(mapping_of(value) or {})
    return _weights_of_entries(value, entries)


def _named(mapping: dict[Any, Any]) -> dict[str, Any]:
    """The entries by the text of their keys; a key that is an object has none, and its entry no name."""
    entries: dict[str, Any] = {}
    for key, value in mapping.items():
        if type(key) is not str and not _names(key):
            continue
        if str(key) in entries:
            raise PrunerError(f"two keys of one dictionary read “{key}”")
        entries[str(key)] = value
    return entries


def _names(key: Any) -> bool:
    """Whether a key is a plain value, or a tuple of plain values: their texts are the same each time."""
    return all(isinstance(part, _NAMING) for part in (key if isinstance(key, tuple) else (key,)))


def _weights_of_entries(value: Any, entries: dict[str, Any]) -> Weights | None:
    found = {name: record for name, entry in entries.items() if (record := tensor_of(entry)) is not None}
    if not found:
        return None
    names = frozenset(found)
    tensors: dict[str, tuple[Kind, TensorRecord]] = {
        name: ("parameter" if record.parameter else kind_from_name(name, names), record)
        for name, record in found.items()
    }
    unknown = tuple(name for name, entry in entries.items() if name not in found and is_unknown_tensor(entry))
    rest = tuple(name for name in entries if name not in found and name not in unknown)
    return Weights(value, tensors, modules_from_names(found), unknown, rest)


def is_module(value: Any) -> bool:
    """Whether a value is a pickled `torch.nn.Module`, by the attributes that every module has."""
    attributes = attributes_of(value)
    return attributes is not None and {"_parameters", "_buffers", "_modules"} <= attributes.keys()


def _weights_of_module(root: Any) -> Weights | None:
    tensors: dict[str, tuple[Kind, TensorRecord]] = {}
    modules: list[ModuleInfo] = []
    unknown: list[str] = []
    for name, module in _walk_modules(root):
        modules.append(ModuleInfo(name, module.function.path if isinstance(module.function, Global) else None))
        attributes = attributes_of(module) or {}
        owned: tuple[tuple[Kind, str], ...] = (("parameter", "_parameters"), ("buffer", "_buffers"))
        for kind, where in owned:
            for own, entry in _named(mapping_of(attributes.get(where)) or {}).items():
                full = f"{name}.{own}" if name else own
                record = tensor_of(entry)
                if record is not None:
                    tensors[full] = (kind, record)
                elif is_unknown_tensor(entry):
                    unknown.append(full)
    return Weights(root, tensors, tuple(modules), tuple(unknown)) if tensors else None


def pruning_hooks(root: Any) -> frozenset[str] | None:
    """The dotted names of tensors that a forward hook of `torch.nn.utils.prune` computes; None where it is no module.

    Such a hook keeps the name of its tensor as `_tensor_name`.
    """
    if not is_module(root):
        return None
    found = set()
    for name, module in _walk_modules(root):
        hooks = mapping_of((attributes_of(module) or {}).get("_forward_pre_hooks")) or {}
        for hook in hooks.values():
            own = (attributes_of(hook) or {}).get("_tensor_name")
            if isinstance(own, str):
                found.add(f"{name}.{own}" if name else own)
    return frozenset(found)


def _walk_modules(root: Any) -> Iterator[tuple[str, Call]]:
    """The module and all below it with their dotted names, each before its children; bounded in depth and number."""
    pending = [("", root, 0)]
    for _ in range(_MOST_MODULES):
        if not pending:
            return
        name, module, depth = pending.pop()
        yield name, module
        children = _named(mapping_of((attributes_of(module) or {}).get("_modules")) or {})
        below = [(f"{name}.{own}" if name else own, child, depth + 1) for own, child in children.items()]
        if depth < _DEEPEST:
            pending.extend(reversed([entry for entry in below if is_module(entry[1])]))
        elif below:
            raise PrunerError(f"modules nest deeper than {_DEEPEST} levels")
    raise PrunerError(f"there are more than {_MOST_MODULES} modules")
