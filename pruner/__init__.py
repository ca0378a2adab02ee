"""Pruning of PyTorch checkpoints by magnitude: open, plan, prune, save. Importing this imports neither torch nor Qt."""

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
from pruner.mask import Mask
from pruner.plan import Plan, Step
from pruner.prune import Pruning, Round, TensorPruning, prune

__version__ = "0.1.0"

__all__ = [
    "Amount",
    "AmountTypeError",
    "AmountValueError",
    "Cancelled",
    "Checkpoint",
    "FileChangedError",
    "Mask",
    "ModuleInfo",
    "Plan",
    "PrunerError",
    "Pruning",
    "Round",
    "Saved",
    "Step",
    "TensorInfo",
    "TensorPruning",
    "UnknownTensorError",
    "open_checkpoint",
    "prune",
    "save",
]
