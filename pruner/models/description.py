"""What a model's state_dict would hold, known without a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pruner.checkpoint import Kind, ModuleInfo
from pruner.errors import PrunerError
from pruner.models.process import run_child
from pruner.progress import Progress


@dataclass(frozen=True, slots=True)
class ModelTensor:
    """An entry of a model's state_dict; `dtype` is torch's name without `torch.`."""

    name: str
    kind: Kind
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Description:
    """A model's tensors by name in the order of its state_dict, and its modules with their types."""

    model: str
    tensors: Mapping[str, ModelTensor]
    modules: tuple[ModuleInfo, ...]


def describe(
    model: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    python: str | None = None,
    progress: Progress | None = None,
) -> Description:
    """Build the model that `FILE.py:NAME` or `package.module:NAME` names, in a process of its own, and look at it.

    NAME is a function or a class that gives a `torch.nn.Module` for the keyword `arguments`, or is such a module.
    Raises `PrunerError` for a name of another form, `ModelError` where it cannot be built, and what `progress` raises.
    """
    where, colon, name = model.rpartition(":")
    if not (where and colon and name):
        raise PrunerError(f"“{model}” names no model: write FILE.py:FUNCTION or package.module:FUNCTION.")
    answer = run_child([model, json.dumps(dict(arguments or {}))], model, python=python, progress=progress)
    tensors = (ModelTensor(own, kind, tuple(shape), dtype) for own, kind, shape, dtype in answer["tensors"])
    return Description(
        model, {one.name: one for one in tensors}, tuple(ModuleInfo(own, kind) for own, kind in answer["modules"])
    )
