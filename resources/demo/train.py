"""Trains the demo model and writes its weights and test set beside this file.

Run `python -m resources.demo.train` where scikit-learn is installed; it takes about half a minute.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from resources.demo.digits import TEST_SET, WEIGHTS, as_images, build, evaluate

SEED = 0
EPOCHS = 60
BATCH = 64
TEST_IMAGES = 360


def main() -> None:
    """Split, train, write, and print the accuracy on the images held back."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # sums in another order round otherwise

    digits = load_digits()
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        digits.images, digits.target, test_size=TEST_IMAGES, stratify=digits.target, random_state=SEED
    )
    np.savez_compressed(TEST_SET, images=test_pixels.astype(np.uint8), labels=test_labels.astype(np.uint8))

    model = build()
    train(model, as_images(train_pixels), torch.from_numpy(train_labels))
    torch.save(model.state_dict(), WEIGHTS)
    print(f"test accuracy {evaluate(model):.2%} of {TEST_IMAGES} images")


def train(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Fit `model` in place; images float32 `[n, 1, 8, 8]`, labels int64 `[n]`."""
    steps = EPOCHS * -(-len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = functional.cross_entropy(model(shifted(images[batch])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def shifted(images: Tensor) -> Tensor:
    """The images moved together by up to one pixel each way, so that place matters less than form."""
    rows, columns = torch.randint(0, 3, (2,)).tolist()
    return functional.pad(images, (1, 1, 1, 1))[:, :, rows : rows + 8, columns : columns + 8]


if __name__ == "__main__":
    main()
