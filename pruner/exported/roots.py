"""The places of a package that hold tensors: the weights and the constants of its programs, those beside code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pruner.checkpoint import Kind
from pruner.errors import damaged
from pruner.exported.package import COMPILED, CONSTANTS, OLD_CONSTANTS, OLD_PROGRAM, OLD_WEIGHTS, WEIGHTS, Package
from pruner.exported.payloads import record_of, view_of
from pruner.exported.program import Program, read_program
from pruner.module_tree import kind_from_name, modules_from_names
from pruner.pickles.roots import Root
from pruner.pickles.torch_objects import TensorRecord, Weights, tensor_of, weights_of

_VIEWS = "/weights_config.json"
_ABOUT = {"archive_format", "archive_version", "byteorder", ".data", "version"}

_Named = dict[str, tuple[Kind, TensorRecord]]


def roots_of(package: Package) -> dict[str, Root]:
    """All places of the package that hold tensors, by key path, the constants last."""
    roots: dict[str, Root] = {}
    for root in sorted(_roots(package), key=lambda root: _are_constants(root.keys)):
        roots.setdefault(root.path, root)
    return roots


def has_compiled_code(package: Package) -> bool:
    """Whether the package holds what AOTInductor made."""
    return any(package.under(COMPILED))


def _are_constants(keys: tuple[str, ...]) -> bool:
    return keys[-1:] == ("constants",)


def _roots(package: Package) -> Iterator[Root]:
    """The weights and the constants of each program, and the weights that stand beside compiled code."""
    if OLD_PROGRAM in package:
        program = read_program(package, OLD_PROGRAM)
        for file in package.under(f"{OLD_WEIGHTS}."):
            yield from _whole(package, file, (), program)
        for file in package.under(f"{OLD_CONSTANTS}."):
            yield from _whole(package, file, ("constants",), program)
        return
    models = [name[7:-5] for name in package.under("models/") if name.endswith(".json")]
    compiled = [name[len(COMPILED) : -len(_VIEWS)] for name in package.under(COMPILED) if name.endswith(_VIEWS)]
    several = len(models) + len(compiled) > 1
    for model in models:
        program = read_program(package, f"models/{model}.json")
        keys = (model,) if several else ()
        for folder, place in ((WEIGHTS, keys), (CONSTANTS, (*keys, "constants"))):
            if f"{folder}{model}.pt" in package:
                yield from _whole(package, f"{folder}{model}.pt", place, program)
            else:
                yield from _described(package, folder, model, place, program)
    for model in compiled:
        place = (model, "aotinductor") if model in models else (model,)
        yield from _beside_code(package, model, place if several else ())


def _whole(package: Package, file: str, keys: tuple[str, ...], program: Program) -> Iterator[Root]:
    """The tensors of one file of `torch.save`; torch writes `Parameter` for what is one."""
    found = weights_of(package.pickle(file).value) if package.entry(file).size else None
    if found is None:
        return
    flagged = _are_constants(keys) or any(record.parameter for _, record in found.tensors.values())
    tensors: _Named = {
        name: (_kind(name, record.parameter, keys, program) if flagged else kind, package.placed(name, record))
        for name, (kind, record) in found.tensors.items()
    }
    yield Root(keys, replace(found, value=None, tensors=tensors, modules=program.tree(tensors)))


def _kind(name: str, parameter: bool, keys: tuple[str, ...], program: Program) -> Kind:
    """Of the constants, those are buffers that the program has as such: they are not persistent."""
    if parameter:
        return "parameter"
    return "tensor" if _are_constants(keys) and name not in program.buffers else "buffer"


def _described(package: Package, folder: str, model: str, keys: tuple[str, ...], program: Program) -> Iterator[Root]:
    """The tensors that a JSON describes (schema.py: PayloadConfig), each in an entry of the folder."""
    config = f"{folder}{model}_{folder.split('/')[1]}_config.json"
    described = package.json(config).get("config")
    if not isinstance(described, dict):
        raise damaged(package.path, f"“{config}” describes nothing")
    tensors: _Named = {}
    rest: list[str] = []
    for name, payload in described.items():
        record = record_of(package, folder, name, payload)
        if record is None:
            rest.append(name)
        else:
            tensors[name] = (_kind(name, payload.get("is_param") is True, keys, program), record)
    if tensors:
        yield Root(keys, Weights(None, tensors, program.tree(tensors), rest=tuple(rest)))


def _beside_code(package: Package, model: str, keys: tuple[str, ...]) -> Iterator[Root]:
    """Weights beside compiled code: for each name a file of `torch.save` with all of a storage, and a view into it."""
    views = package.json(f"{COMPILED}{model}{_VIEWS}")
    names = frozenset(views)
    tensors: _Named = {}
    for name, view in views.items():
        file = f"{WEIGHTS}{view[0]}" if isinstance(view, list) and len(view) == 4 else ""
        whole = tensor_of(package.pickle(file).value) if file in package else None
        if whole is None:
            raise damaged(package.path, f"the numbers of “{name}” are missing")
        offset, shape, stride = view_of(package, name, view[3:], *view[1:3])
        record = whole._replace(shape=shape, stride=stride, offset=offset)
        tensors[name] = (kind_from_name(name, names), package.placed(name, record))
    if tensors:
        yield Root(keys, Weights(None, tensors, modules_from_names(tensors)))


def parts_beside(package: Package, roots: Mapping[str, Root], chosen: str) -> tuple[str, ...]:
    """The parts of the package beside the tensors of a root, by their folders or names, and the other models."""
    found: dict[str, None] = {}
    for name in package.under(""):
        parts = name.split("/", 2)
        found.setdefault("/".join(parts[:2]) if parts[0] == "data" else parts[0])
    constants = _are_constants(roots[chosen].keys)
    own = {CONSTANTS[:-1], f"{OLD_CONSTANTS}.pt"} if constants else {WEIGHTS[:-1], f"{OLD_WEIGHTS}.pt"}
    models = [path for path, root in roots.items() if path != chosen and root.keys and not _are_constants(root.keys)]
    return (*models, *(name for name in found if name not in own | _ABOUT))
