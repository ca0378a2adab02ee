"""A script that loads a saved file into a model."""

from __future__ import annotations

from pruner.checkpoint import Checkpoint
from pruner.python_out.files import Source, quoted, source_of, tuple_of

_MODULE = "module = ...  # your model, as it is before pruning"
_LOADED = "module = ...  # your model, with its weights loaded"
_LOAD = "module.load_state_dict(state, strict=True)"
_PRUNE = "from torch.nn.utils import prune"
_ORIG, _MASK = "_orig", "_mask"


def loader(checkpoint: Checkpoint) -> str:
    """How a saved file goes into a module: each form has its way (see `pruner.export`), the permanent one none."""
    source = source_of(checkpoint)
    state = _state(checkpoint, source)
    names = _masked(checkpoint)
    if checkpoint.marks:
        needed, module, rest = ["import pruner"], _MODULE, _reversible(checkpoint)
    elif names:
        needed, module, rest = [_PRUNE], _MODULE, _identity(names)
    elif _has_only_masks(checkpoint):
        needed, module, rest = [_PRUNE], _LOADED, _from_masks()
    else:
        needed, module, rest = [], _MODULE, _permanent()
    imports = [line.replace(", save_file", "") for line in source.imports] if source is not None else []
    return "\n".join(["import torch", *needed, *imports, "", module, *state, "", *rest]) + "\n"


def _masked(checkpoint: Checkpoint) -> list[str]:
    """The names of the parameters whose originals and masks the file has."""
    return [
        name.removesuffix(_ORIG)
        for name in checkpoint.tensors
        if name.endswith(_ORIG) and name.removesuffix(_ORIG) + _MASK in checkpoint.tensors
    ]


def _has_only_masks(checkpoint: Checkpoint) -> bool:
    tensors = checkpoint.tensors.items()
    return bool(tensors) and all(name.endswith(_MASK) and info.dtype == "bool" for name, info in tensors)


def _permanent() -> list[str]:
    return ["# The permanent form needs nothing special: pruned values are zeros under the tensors' own names.", _LOAD]


def _identity(names: list[str]) -> list[str]:
    return [
        "# The masked form has NAME_orig and NAME_mask: identity makes places for them.",
        f"for name in {tuple_of(names)}:",
        '    path, _, leaf = name.rpartition(".")',
        "    prune.identity(module.get_submodule(path), leaf)",
        _LOAD,
        "",
        "# The masked weights are computed by a forward; until then they are those of before.",
        "example = ...  # an input of your model",
        "with torch.no_grad():",
        "    module(example)",
    ]


def _from_masks() -> list[str]:
    return [
        "# The file has nothing but masks: NAME_mask for each pruned NAME.",
        "for name, mask in state.items():",
        f'    path, _, leaf = name.removesuffix("{_MASK}").rpartition(".")',
        "    prune.custom_from_mask(module.get_submodule(path), leaf, mask)",
    ]


def _reversible(checkpoint: Checkpoint) -> list[str]:
    path = quoted(str(checkpoint.path))
    return [
        "# The reversible form has the original values, and its masks beside them.",
        "# Secateur puts them on, as torch.nn.utils.prune would have.",
        _LOAD,
        f"checkpoint = pruner.open_checkpoint({path})",
        "pruner.apply(module, pruner.stored_pruning(checkpoint))",
    ]


def _state(checkpoint: Checkpoint, source: Source | None) -> list[str]:
    if source is None:
        return [f"state = ...  # the state_dict of {quoted(checkpoint.path.name)}, loaded as its format asks for"]
    packed = any(info.storage.deflated is not None for info in checkpoint.tensors.values())
    return [*(["# The file is compressed: torch misreads it with mmap=True."] if packed else []), *source.load]
