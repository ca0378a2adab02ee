"""What a model's state_dict would hold, known without a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruner.checkpoint import Checkpoint, Kind, ModuleInfo, Storage, TensorInfo, contiguous_stride
from pruner.errors import PrunerError
from pruner.models.process import Child
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
    """A model's tensors by name in the order of its state_dict, and its modules with their types.

    `tied` lists names that are one tensor in memory; `python` and `torch` are the versions that built it, `device` is
    torch's name of where it is.
    """

    model: str
    tensors: Mapping[str, ModelTensor]
    modules: tuple[ModuleInfo, ...]
    tied: tuple[tuple[str, ...], ...] = ()
    python: str = ""
    torch: str = ""
    device: str = "cpu"

    def as_checkpoint(self) -> Checkpoint:
        """The names, types and shapes as a checkpoint without numbers, to match with another."""
        nothing = Storage(Path(), 0, 0)
        tensors = {
            name: TensorInfo(name, one.kind, one.dtype, one.shape, contiguous_stride(one.shape), nothing, layout="meta")
            for name, one in self.tensors.items()
        }
        return Checkpoint(Path(), "", tensors, self.modules, ())


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
    require_named(model, "model")
    with Child(python) as child:
        send_build(child, model, arguments)
        return built(child, model, progress)


def require_named(spec: str, what: str) -> None:
    """Raise `PrunerError` where a text does not name something in Python; `what` says what it should."""
    where, colon, name = spec.rpartition(":")
    if not (where and colon and all(part.isidentifier() for part in name.split("."))):
        raise PrunerError(f"“{spec}” names no {what}: write FILE.py:FUNCTION or package.module:FUNCTION.")


def send_build(child: Child, model: str, arguments: Mapping[str, Any] | None, device: str | None = None) -> None:
    """Have a process begin to build a model, to be given weights on a device where one is named."""
    child.send("build", model=model, arguments=dict(arguments or {}), device=device)


def built(child: Child, model: str, progress: Progress | None) -> Description:
    """The model that a process was told to build; raises as `describe` does."""
    answer = child.wait(model, f"{model} cannot be built", progress)
    tensors = (ModelTensor(own, kind, tuple(shape), dtype) for own, kind, shape, dtype in answer["tensors"])
    return Description(
        model,
        {one.name: one for one in tensors},
        tuple(ModuleInfo(own, kind) for own, kind in answer["modules"]),
        tuple(tuple(names) for names in answer["tied"]),
        answer["python"],
        answer["torch"],
        answer["device"],
    )
