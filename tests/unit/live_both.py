"""What tests need that hold for torch's functions and for ours alike."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner

both = pytest.mark.parametrize("prune", [pytest.param(torch_prune, id="torch"), pytest.param(pruner, id="ours")])
SIZES = [12, 600_000, 2_500_000]
"""Of one thread's work on a few elements, on many, and of several threads' work."""


def module_of(values: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.weight = nn.Parameter(values, requires_grad=values.is_floating_point() and values.dtype.itemsize > 1)
    return module


def ramp(*shape: int) -> torch.Tensor:
    """-1, 2, -3, 4 and so on: no two magnitudes are the same."""
    values = torch.arange(1.0, torch.Size(shape).numel() + 1)
    values[::2] *= -1
    return values.view(shape)


def run_hooks(module: nn.Module) -> None:
    for hook in module._forward_pre_hooks.values():
        hook(module, ())


def first_half_pruned(values: torch.Tensor) -> torch.Tensor:
    flat = values.detach().clone().view(-1)
    flat[: len(flat) // 2] = 0
    return flat.view(values.shape)
