"""TorchScript archives (`torch.jit.save`): the objects in `data.pkl`, their classes as text under `code/`.

The classes are never compiled or run: what they say of themselves in `__parameters__` and `__buffers__` tells which of
a module's attributes its state_dict has (torch/csrc/jit/serialization/python_print.cpp writes them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint, Kind, ModuleInfo, Storage
from pruner.errors import PrunerError
from pruner.pickles.document import MAX_PICKLE, open_document, sound_pickle
from pruner.pickles.roots import Root
from pruner.pickles.torch_objects import TensorRecord, Weights, storage_key, tensor_of
from pruner.pickles.unpickle import Pickle
from pruner.pickles.values import Call, Global, Persistent, attributes_of
from pruner.zips.container import ZipContainer
from pruner.zips.directory import ZipEntry, read_entries, zip_names
from pruner.zips.entries import entry_bytes, storage_of

_MAX_CODE = 1 << 26
_MOST_MODULES = 1_000_000
_DEEPEST = 400
_CLASS = re.compile(r"^class (\w+)\(Module\):\n  __parameters__ = \[(.*)\]\n  __buffers__ = \[(.*)\]$", re.MULTILINE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MANGLED = re.compile(r"\.___torch_mangle_\d+")
_CONSTANTS = "constants"


class TorchScript(ZipContainer):
    """See `Format`."""

    name = "torch_script"
    title = "TorchScript (torch.jit.save)"
    suffixes = (".jit", ".ts", ".torchscript", ".ptl")

    def recognises(self, path: Path, head: bytes) -> bool:
        return _prefix(zip_names(path, head)) is not None

    def open(self, path: Path, root: str | None) -> Checkpoint:
        entries = read_entries(path)
        prefix = _prefix(entries)
        assert prefix is not None
        archive = _Archive(path, prefix, entries)
        model, constants = archive.pickle("data"), archive.pickle(_CONSTANTS)
        roots = {one.path: one for one in _roots(model.value, constants.value, archive)}
        named = {one.name: one for one in (*model.globals, *constants.globals)}
        return open_document(path, self.name, model.value, archive.storages(), root, tuple(named.values()), roots=roots)


FORMAT = TorchScript()


def _prefix(names: Any) -> str | None:
    """The archive's folder; None where this is no TorchScript."""
    found = [name.removesuffix("constants.pkl") for name in names if re.fullmatch(r"[^/]+/constants\.pkl", name)]
    return found[0] if len(found) == 1 and f"{found[0]}data.pkl" in names else None


@dataclass(frozen=True, eq=False)
class _Archive:
    path: Path
    prefix: str
    entries: Mapping[str, ZipEntry]

    def pickle(self, name: str) -> Pickle:
        """One of the two pickles; its storages lie in the folder of its name."""

        def outside(key: Any) -> Any:
            if name != _CONSTANTS or storage_key(Persistent(key)) is None:
                return Persistent(key)
            return Persistent((*key[:2], f"{_CONSTANTS}/{key[2]}", *key[3:]))

        raw = entry_bytes(self.path, self.entries[f"{self.prefix}{name}.pkl"], MAX_PICKLE)
        return sound_pickle(self.path, raw, outside)

    def storages(self) -> dict[str, Storage]:
        """All storages by key, those of the constants after their folder."""
        found: dict[str, Storage] = {}
        for name, entry in self.entries.items():
            inside = name.removeprefix(self.prefix)
            if inside.startswith(("data/", f"{_CONSTANTS}/")):
                found[inside.removeprefix("data/")] = storage_of(self.path, entry)
        return found

    def classes(self, module: str) -> dict[str, dict[str, Kind]]:
        """The modules' classes that a file of code declares: for each the kinds of its parameters and buffers."""
        entry = self.entries.get(f"{self.prefix}code/{module.replace('.', '/')}.py")
        if entry is None:
            return {}
        text = entry_bytes(self.path, entry, _MAX_CODE).decode("utf-8", "replace")
        declared: dict[str, dict[str, Kind]] = {}
        for name, parameters, buffers in _CLASS.findall(text):
            kinds: dict[str, Kind] = dict.fromkeys(_QUOTED.findall(parameters), "parameter")
            declared[name] = kinds | dict.fromkeys(_QUOTED.findall(buffers), "buffer")
        return declared


def _roots(model: Any, constants: Any, archive: _Archive) -> Iterator[Root]:
    weights = _weights(model, archive)
    if weights.tensors:
        yield Root((), weights)
    values = constants if isinstance(constants, (tuple, list)) else ()
    found: dict[str, tuple[Kind, TensorRecord]] = {
        f"c{place}": ("tensor", record)
        for place, value in enumerate(values)
        if (record := tensor_of(value)) is not None
    }
    if found:
        yield Root((_CONSTANTS,), Weights(constants, found, ()))


def _weights(model: Any, archive: _Archive) -> Weights:
    """What the model's state_dict has, in its order: of each module its parameters, its buffers, its children."""
    declared: dict[str, dict[str, dict[str, Kind]]] = {}
    tensors: dict[str, tuple[Kind, TensorRecord]] = {}
    modules: list[ModuleInfo] = []
    rest: list[str] = []

    def kinds_of(kind: Global) -> dict[str, Kind] | None:
        if kind.module not in declared:
            declared[kind.module] = archive.classes(kind.module)
        return declared[kind.module].get(kind.name)

    pending = [("", model, 0)]
    while pending:
        name, module, depth = pending.pop()
        kinds = kinds_of(module.function) if _is_object(module) else None
        if kinds is None:
            continue
        if depth > _DEEPEST or len(modules) >= _MOST_MODULES:
            raise PrunerError(f"{archive.path}: its modules nest too deeply, or there are too many.")
        modules.append(ModuleInfo(name, _MANGLED.sub("", module.function.path).removeprefix("__torch__.")))
        attributes = {key: value for key, value in (attributes_of(module) or {}).items() if type(key) is str}
        dot = f"{name}." if name else ""
        for kind in ("parameter", "buffer"):
            for own, value in attributes.items():
                if kinds.get(own) == kind and (record := tensor_of(value)) is not None:
                    tensors[f"{dot}{own}"] = (kinds[own], record)
        rest += [f"{dot}{own}" for own, value in attributes.items() if own not in kinds and tensor_of(value)]
        children = [(f"{dot}{own}", value, depth + 1) for own, value in attributes.items() if _is_object(value)]
        pending += reversed(children)
    return Weights(model, tensors, tuple(modules), rest=tuple(rest))


def _is_object(value: Any) -> bool:
    return isinstance(value, Call) and isinstance(value.function, Global) and value.function.module != "torch._utils"
