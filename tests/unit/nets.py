"""Python of a user's, for a process of its own: a model, and functions that evaluate it well or badly."""

from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    """Two outputs, one of them nested, an optional input of integers, and two names for one parameter."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)
        self.table = nn.Embedding(5, 8)
        self.head = nn.Linear(8, 3)
        self.tied = nn.Linear(8, 3)
        self.tied.weight = self.head.weight

    def forward(self, x, ids=None):
        if ids is not None:
            x = x + self.table(ids)
        y = self.norm(self.stem(x))
        return {"logits": self.head(y), "more": (self.tied(y).tanh(), torch.arange(3))}


def acts(model):
    """What the file beside says now."""
    space = {"torch": torch, "sums": sums}
    exec(Path(__file__).with_name("act.txt").read_text(), space)
    return space["act"](model)


def sums(model):
    return {name: float(value.double().sum()) for name, value in model.state_dict().items()}


def told(model, device, batches=3, progress=None):
    for done in range(batches or 3):
        progress(done + 1, 3)
    return {"loss": 1.5, "batches": batches or 0, "samples": 64}


def needs_loader(model, loader):
    return 1.0


number = 3
