"""torch's interface of pruning for live modules: its names, signatures, results, errors and hooks, only faster.

`import pruner as prune` takes the place of `import torch.nn.utils.prune as prune`. The methods are subclasses of
torch's, so that torch's `remove` and `is_pruned` work on what these pruned, and these on what torch's pruned.
"""

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

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "apply",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]
