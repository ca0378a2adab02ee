"""Checkpoints for the window's tests, made by torch itself."""

from pathlib import Path

import torch
from torch import nn

from app.session import Session


class Net(nn.Module):
    """Two convolutions with normalization, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3))
        self.classifier = nn.Linear(16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores of ten classes."""
        return self.classifier(self.features(images).mean((2, 3)))


def save_net(path: Path) -> nn.Module:
    """Write the net's state_dict, and give the net."""
    torch.manual_seed(0)
    net = Net().eval()
    torch.save(net.state_dict(), path)
    return net


def open_and_count(qtbot, session: Session, path: Path) -> None:
    """Open a checkpoint and wait until it is there and its zeros are counted."""
    session.open(path)
    qtbot.waitUntil(lambda: session.checkpoint is not None and session.checkpoint.path == path, timeout=10_000)
    countable = [name for name, info in session.checkpoint.tensors.items() if info.dtype_info.prunable]
    qtbot.waitUntil(lambda: set(countable) <= set(session.zeros), timeout=10_000)


def save_two(path: Path) -> None:
    """Write a training checkpoint that holds a net's weights, their running average, and more."""
    torch.manual_seed(0)
    ema = {name: torch.zeros_like(value) for name, value in Net().state_dict().items()}
    torch.save({"model": Net().state_dict(), "ema": ema, "epoch": 3, "lr": 0.1}, path)
