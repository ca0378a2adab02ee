"""A script that loads a saved file into a model."""

from __future__ import annotations

from pruner.checkpoint import Checkpoint
from pruner.python_out.files import quoted, source_of, tuple_of

_MODULE = "module = ...  # your model, as it is before pruning"
_ORIG, _MASK = "_orig", "_mask"


def loader(checkpoint: Checkpoint) -> str:
    """How a saved file goes into a module: the permanent form as any other, the masked form by `prune.identity`."""
    names = [
        name.removesuffix(_ORIG)
        for name in checkpoint.tensors
        if name.endswith(_ORIG) and name.removesuffix(_ORIG) + _MASK in checkpoint.tensors
    ]
    source = source_of(checkpoint)
    lines = ["import torch"]
    if names:
        lines.append("from torch.nn.utils import prune")
    if source is not None:
        lines += [line.replace(", save_file", "") for line in source.imports]
    lines += ["", _MODULE, *_state(checkpoint), ""]
    if not names:
        lines += ["# The permanent form needs nothing special: pruned values are zeros under the tensors' own names."]
        return "\n".join([*lines, "module.load_state_dict(state, strict=True)"]) + "\n"
    lines += [
        "# The masked form has NAME_orig and NAME_mask: identity makes places for them.",
        f"for name in {tuple_of(names)}:",
        '    path, _, leaf = name.rpartition(".")',
        "    prune.identity(module.get_submodule(path), leaf)",
        "module.load_state_dict(state, strict=True)",
        "",
        "# The masked weights are computed by a forward; until then they are those of before.",
        "example = ...  # an input of your model",
        "with torch.no_grad():",
        "    module(example)",
    ]
    return "\n".join(lines) + "\n"


def _state(checkpoint: Checkpoint) -> list[str]:
    source = source_of(checkpoint)
    if source is None:
        return [f"state = ...  # the state_dict of {quoted(checkpoint.path.name)}, loaded as its format asks for"]
    note = ["# Without mmap=True: torch misreads compressed files with it."] if checkpoint.format == "torch_zip" else []
    return [*note, *source.load]
