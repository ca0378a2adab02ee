"""Parts that are known by lying in a folder: formats, methods, forms of output."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def discover(package: str, attribute: str) -> dict[str, Any]:
    """What the modules of a package offer under `attribute`, by its `name`, in the order of the files' names."""
    folder = importlib.import_module(package).__path__
    names = [module.name for module in pkgutil.iter_modules(folder, f"{package}.")]
    found = [getattr(importlib.import_module(name), attribute) for name in names]
    return {one.name: one for one in found}
