"""Runs in a process of its own: builds a model and writes down what its state_dict holds.

It is run by its path, by an interpreter that may have another torch and need not have Secateur: it takes nothing but
the standard library and torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any


def load(spec: str) -> Any:
    """What `FILE.py:NAME` or `package.module:NAME` names; NAME may be dotted."""
    where, _, name = spec.rpartition(":")
    if where.endswith(".py"):
        path = Path(where).absolute()
        sys.path.insert(0, str(path.parent))
        found = importlib.util.spec_from_file_location(path.stem, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[path.stem] = module
        found.loader.exec_module(module)
    else:
        sys.path.insert(0, "")
        module = importlib.import_module(where)
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part)
    return value


def build(spec: str, arguments: dict[str, Any]) -> Any:
    """The module that the named function or class makes; a module that is there already is taken as it is."""
    made = load(spec)
    if not _is_module(made):
        made = made(**arguments)
    if not _is_module(made):
        raise TypeError(f"{spec} gave a {type(made).__name__}, and not a torch.nn.Module")
    return made


def _is_module(value: Any) -> bool:
    """Whether it is a module; where nothing has imported torch, nothing is, and torch's import is saved."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def described(module: Any) -> dict[str, Any]:
    """Names, kinds, shapes and types of the state_dict, and the modules with their types."""
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    return {
        "tensors": [
            [name, "parameter" if name in parameters else "buffer", list(value.shape), str(value.dtype)[6:]]
            for name, value in module.state_dict().items()
            if hasattr(value, "shape")
        ],
        "modules": [[name, f"{type(one).__module__}.{type(one).__qualname__}"] for name, one in module.named_modules()],
    }


def main() -> None:
    """Arguments: the model, its keyword arguments as JSON, and the file to write the answer to."""
    spec, arguments, out = sys.argv[1:4]
    try:
        answer: dict[str, Any] = described(build(spec, json.loads(arguments)))
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}: " if frames else ""
        answer = {"error": f"{place}{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    Path(out).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
