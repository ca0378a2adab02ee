"""The demo model's architecture and how well it does; needs torch and numpy only."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

HERE = Path(__file__).parent
WEIGHTS = HERE / "digits_cnn.pt"
TEST_SET = HERE / "digits_test.npz"
BRIGHTEST = 16  # a pixel counts the inked points of a 4 × 4 block


class DigitsNet(nn.Module):
    """Reads one digit from an 8 × 8 image: three convolutions, then two linear layers.

    Input: float32 `[n, 1, 8, 8]`, 0 (paper) to 1 (ink). Output: float32 logits `[n, 10]`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(1, 16),
            *_convolution(16, 32),
            nn.MaxPool2d(2),
            *_convolution(32, 32),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(32 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(images))
        return logits


def build() -> nn.Module:
    """A new `DigitsNet`, untrained; `load_state_dict(torch.load(WEIGHTS))` gives it the trained weights."""
    return DigitsNet()


def as_images(pixels: np.ndarray) -> Tensor:
    """Pixels `[n, 8, 8]` of 0 to 16 as the network takes them: float32 `[n, 1, 8, 8]`, 0 to 1."""
    return torch.from_numpy(pixels.astype(np.float32) / BRIGHTEST).unsqueeze(1)


def test_set() -> tuple[Tensor, Tensor]:
    """The 360 images that training never saw: images float32 `[360, 1, 8, 8]`, labels int64 `[360]`."""
    with np.load(TEST_SET) as arrays:
        return as_images(arrays["images"]), torch.from_numpy(arrays["labels"].astype(np.int64))


def evaluate(model: nn.Module) -> float:
    """Share of the test set that `model` reads correctly, 0 to 1. Leaves `model` in evaluation mode."""
    images, labels = test_set()
    model.eval()
    with torch.inference_mode():
        correct = int((model(images).argmax(dim=1) == labels).sum())
    return correct / len(labels)


def measure(model: nn.Module) -> dict[str, float]:
    """What `evaluate` gives, by its name, and on how many images: `secateur evaluate --demo` calls it."""
    return {"accuracy": evaluate(model), "samples": len(test_set()[1])}


def _convolution(channels_in: int, channels_out: int) -> tuple[nn.Module, ...]:
    """A 3 × 3 convolution; its BatchNorm has the bias, so it needs none itself."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(channels_out), nn.ReLU()
