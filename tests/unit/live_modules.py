"""Live modules for tests of pruning, and whether something changed about them."""

import torch
from torch import nn


def linear(rows: list[list[float]]) -> nn.Linear:
    module = nn.Linear(len(rows[0]), len(rows))
    module.weight = nn.Parameter(torch.tensor(rows))
    return module


def whole(module: nn.Module) -> dict[str, object]:
    """All that pruning could change, to compare before and after."""
    return {
        "state": {name: (id(value), value.clone()) for name, value in module.state_dict(keep_vars=True).items()},
        "hooks": [(number, id(hook), len(getattr(hook, "_pruning_methods", ()))) for number, hook
                  in module._forward_pre_hooks.items()],
        "attributes": {name: id(value) for name, value in module.__dict__.items()},
    }  # fmt: skip


def unchanged(module: nn.Module, before: dict[str, object]) -> bool:
    now = whole(module)
    state = before["state"]
    assert list(now["state"]) == list(state)
    assert all(now["state"][name][0] == one for name, (one, _) in state.items())
    assert all(torch.equal(now["state"][name][1], value) for name, (_, value) in state.items())
    return now["hooks"] == before["hooks"] and now["attributes"] == before["attributes"]
