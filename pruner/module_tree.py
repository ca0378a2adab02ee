"""The tree of modules: from the file's own record of them, or from dotted names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pruner.checkpoint import Checkpoint, Kind, ModuleInfo, TensorInfo

_BUFFERS = frozenset({"running_mean", "running_var", "num_batches_tracked", "position_ids", "inv_freq"})
_PARAMETERS = frozenset({"weight", "bias", "in_proj_weight", "in_proj_bias", "weight_orig", "bias_orig"})
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""The names under which torch.compile, FSDP and activation checkpointing keep the module that they wrap."""
_PARALLEL = "module"
"""That of (Distributed)DataParallel; inside a model it can as well be the author's own."""
_RECURRENT = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")


def modules_from_names(names: Iterable[str]) -> tuple[ModuleInfo, ...]:
    """The modules that dotted tensor names imply, each before its children, in the order of the names."""
    found: dict[str, None] = {}
    for name in names:
        owner = name.rpartition(".")[0]
        if not owner or owner in found:
            continue
        parts = owner.split(".")
        for depth in range(1, len(parts) + 1):
            found.setdefault(".".join(parts[:depth]))
    return tuple(ModuleInfo(name) for name in found)


def kind_from_name(name: str, names: frozenset[str]) -> Kind:
    """What a tensor's name tells of its kind, in a file that does not tell it itself.

    The names are those that `torch.nn` registers. A normalization's weight counts as a parameter only beside
    `num_batches_tracked`, since frozen ones (torchvision's FrozenBatchNorm2d) register it as a buffer.
    """
    prefix, _, own = name.rpartition(".")
    dot = f"{prefix}." if prefix else ""
    if own in _BUFFERS or (own.endswith("_mask") and f"{dot}{own.removesuffix('_mask')}_orig" in names):
        return "buffer"
    if own in _PARAMETERS or own.startswith(_RECURRENT):
        frozen = f"{dot}running_mean" in names and f"{dot}num_batches_tracked" not in names
        return "tensor" if frozen else "parameter"
    return "tensor"


@dataclass(frozen=True, slots=True)
class ModuleNode:
    """A module with what it owns, in the order of the file.

    `name` is dotted, `label` its last part; `numel` counts the elements of the module and all below it.
    """

    name: str
    label: str
    type: str | None
    children: tuple[ModuleNode, ...]
    tensors: tuple[TensorInfo, ...]
    numel: int


def module_tree(checkpoint: Checkpoint) -> ModuleNode:
    """The root of the checkpoint's modules and tensors."""
    return build_tree(checkpoint.modules, checkpoint.tensors.values())


def build_tree(modules: Iterable[ModuleInfo], tensors: Iterable[TensorInfo]) -> ModuleNode:
    """The tree of these modules and tensors; a module between them that is not listed gets a node too."""
    tensors = tuple(tensors)
    types: dict[str, str | None] = {"": None}
    types.update((module.name, module.type) for module in modules)
    for implied in modules_from_names(info.name for info in tensors):
        types.setdefault(implied.name, None)
    children: dict[str, list[str]] = {name: [] for name in types}
    for name in types:
        if name:
            children.setdefault(name.rpartition(".")[0], []).append(name)
    owned: dict[str, list[TensorInfo]] = {}
    for info in tensors:
        owned.setdefault(info.module, []).append(info)
    return _assemble(types, children, owned)


def _assemble(
    types: Mapping[str, str | None],
    children: Mapping[str, list[str]],
    owned: Mapping[str, list[TensorInfo]],
) -> ModuleNode:
    """The nodes from the leaves up, without recursion: names in a file may nest deeper than Python's stack."""
    made: dict[str, ModuleNode] = {}
    for name in sorted(types, key=lambda name: name.count(".") + bool(name), reverse=True):
        below = tuple(made.pop(child) for child in children[name])
        own = tuple(owned.get(name, ()))
        node = ModuleNode(
            name=name,
            label=name.rpartition(".")[2],
            type=types[name],
            children=below,
            tensors=own,
            numel=sum(node.numel for node in below) + sum(info.numel for info in own),
        )
        made[name] = _folded(node)
    return made[""]


def _folded(node: ModuleNode) -> ModuleNode:
    """A module with what a wrapper that is all it owns has; the names of tensors and modules stay those in the file."""
    if node.tensors or len(node.children) != 1:
        return node
    (child,) = node.children
    outermost = not node.name or node.label in _WRAPPERS
    if child.label in _WRAPPERS or (outermost and child.label == _PARALLEL):
        return replace(node, type=node.type or child.type, children=child.children, tensors=child.tensors)
    return node
