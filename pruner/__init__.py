"""Pruning of PyTorch checkpoints by magnitude: open, plan, prune, save; and torch's interface for live modules.

Importing this imports neither torch nor Qt; the names of torch's interface import torch when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, ModuleInfo, TensorInfo
from pruner.errors import (
    AmountTypeError,
    AmountValueError,
    Cancelled,
    FileChangedError,
    PrunerError,
    UnknownTensorError,
)
from pruner.export import Saved, save
from pruner.formats import open_checkpoint
from pruner.in_memory import masks_of
from pruner.marks import stored_pruning
from pruner.mask import Mask
from pruner.plan import Plan, Step
from pruner.prune import Pruning, Round, TensorPruning, prune
from pruner.recipes.problems import RecipeError
from pruner.recipes.recipe import Recipe
from pruner.report import Report, report

if TYPE_CHECKING:
    from pruner.live.base import BasePruningMethod
    from pruner.live.container import PruningContainer
    from pruner.live.custom_from_mask import CustomFromMask, custom_from_mask
    from pruner.live.from_checkpoint import apply
    from pruner.live.identity import Identity, identity
    from pruner.live.l1_unstructured import L1Unstructured, l1_unstructured
    from pruner.live.ln_structured import LnStructured, ln_structured
    from pruner.live.over_all import global_unstructured
    from pruner.live.random_structured import RandomStructured, random_structured
    from pruner.live.random_unstructured import RandomUnstructured, random_unstructured
    from pruner.live.removing import is_pruned, remove

__version__ = "0.1.0"

__all__ = [
    "Amount",
    "AmountTypeError",
    "AmountValueError",
    "BasePruningMethod",
    "Cancelled",
    "Checkpoint",
    "CustomFromMask",
    "FileChangedError",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "Mask",
    "ModuleInfo",
    "Plan",
    "PrunerError",
    "Pruning",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "Recipe",
    "RecipeError",
    "Report",
    "Round",
    "Saved",
    "Step",
    "TensorInfo",
    "TensorPruning",
    "UnknownTensorError",
    "apply",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "masks_of",
    "open_checkpoint",
    "prune",
    "random_structured",
    "random_unstructured",
    "remove",
    "report",
    "save",
    "stored_pruning",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pruner import live

    return globals().setdefault(name, getattr(live, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
