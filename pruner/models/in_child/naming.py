"""What `FILE.py:NAME` and `package.module:NAME` name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .faults import Refused


class Names:
    """Loads each file once, so that a model and the function that evaluates it may share one."""

    def __init__(self) -> None:
        self._files: dict[Path, ModuleType] = {}

    def __call__(self, spec: str) -> Any:
        """The object; NAME may be dotted. Raises what importing it raises, and `Refused` for a name that is not there.

        A file's folder is where its imports are found first, an installed package's the working folder.
        """
        where, _, name = spec.rpartition(":")
        module = self._file(Path(where).absolute()) if where.endswith(".py") else importlib.import_module(where)
        value: Any = module
        for part in name.split("."):
            try:
                value = getattr(value, part)
            except AttributeError as error:
                raise Refused(f"{where} has no “{name}”; it has {_offer(module)}") from error
        return value

    def _file(self, path: Path) -> ModuleType:
        if path not in self._files:
            if not path.is_file():
                raise Refused(f"there is no file {path}")
            sys.path.insert(0, str(path.parent))
            found = importlib.util.spec_from_file_location(path.stem, path)
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[path.stem] = module
            found.loader.exec_module(module)
            self._files[path] = module
        return self._files[path]


def _offer(module: ModuleType) -> str:
    """The names that a module defines itself and that can be called."""
    own = [
        name
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    ]
    return ", ".join(own[:10]) or "nothing to call"
