"""The model: built, described, and given weights."""

from __future__ import annotations

import sys
from typing import Any

from .faults import Refused


def built(made: Any, spec: str, arguments: dict[str, Any]) -> Any:
    """The module that a function or class makes; a module that is there already is taken as it is."""
    if not _is_module(made):
        if not callable(made):
            raise Refused(f"{spec} is a {type(made).__name__}: neither a function nor a torch.nn.Module")
        made = made(**arguments)
    if not _is_module(made):
        raise Refused(f"{spec} gave a {type(made).__name__}, and not a torch.nn.Module")
    return made


def _is_module(value: Any) -> bool:
    """Whether it is a module; where nothing has imported torch, nothing is, and torch's import is saved."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def described(module: Any) -> dict[str, Any]:
    """Names, kinds, shapes and types of the state_dict, and the modules with their types.

    Of tensors that are one in memory, such as tied weights, `tied` lists the names.
    """
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    state = {name: value for name, value in module.state_dict().items() if hasattr(value, "shape")}
    same: dict[Any, list[str]] = {}
    for name, value in state.items():
        if value.numel() and not value.is_meta:
            same.setdefault((value.device, value.data_ptr(), tuple(value.shape), value.stride()), []).append(name)
    return {
        "tensors": [
            [name, "parameter" if name in parameters else "buffer", list(value.shape), str(value.dtype)[6:]]
            for name, value in state.items()
        ],
        "modules": [[name, f"{type(one).__module__}.{type(one).__qualname__}"] for name, one in module.named_modules()],
        "tied": [names for names in same.values() if len(names) > 1],
    }


def placed(module: Any, device: str) -> tuple[Any, str]:
    """The module on a device, and the device's name; `auto` is the first GPU, else the CPU.

    Raises `Refused` where the module has no numbers or the device is not there.
    """
    import torch

    if bare := [name for name, value in module.named_parameters() if value.is_meta]:
        raise Refused(f"“{bare[0]}” has no numbers (device meta): build the model with its parameters on the CPU")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise Refused(f"there is no device “{device}” for torch {torch.__version__}") from error
    return module.to(device), device


def others(module: Any, given: set[str], tied: list[list[str]]) -> dict[str, Any]:
    """The tensors of the state_dict that are neither given nor one in memory with such a one."""
    reached = given.union(*(names for names in tied if not given.isdisjoint(names)))
    return {
        name: value for name, value in module.state_dict().items() if name not in reached and hasattr(value, "clone")
    }


def give(module: Any, tensors: dict[str, Any]) -> None:
    """Load tensors by the model's own names; those that are not named keep their values.

    Raises torch's `RuntimeError` where one does not fit.
    """
    import torch

    with torch.no_grad():
        module.load_state_dict(tensors, strict=False)
