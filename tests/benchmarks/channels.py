"""Channels of a large tensor: python -m tests.benchmarks.channels [FOLDER]

Prints the seconds that the figures of all channels of 100 million float32 take along each dimension, without and with a
mask, and the memory beside the tensor's. A file of 400 MB is made in FOLDER, or the folder for temporary files.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import pruner
from pruner import Mask
from pruner.channel_figures import channel_figures
from pruner.elements import elements_of
from tests.benchmarks.views import peak_while

SHAPE = (10_000, 10_000)
REPEATS = 5


def main(folder: Path) -> None:
    """Make the file where it is not there, and take each figure."""
    path = folder / "secateur-channels.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32))
    checkpoint = pruner.open_checkpoint(path)
    (name,) = checkpoint.tensors
    torch.zeros(1)  # what is imported once is no part of the work
    mask = Mask(SHAPE, np.random.default_rng(0).integers(0, 256, checkpoint.numel // 8, dtype=np.uint8))
    for what, used in (("no mask", None), ("a random mask", mask)):
        for dim in (0, 1):
            seconds = []

            def work(dim: int = dim, used: Mask | None = used) -> None:
                for _ in channel_figures(elements_of(checkpoint, name, used), dim):
                    pass

            for _ in range(REPEATS):
                begun = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - begun)
            peak = peak_while(work) / 2**20
            print(f"channels of 100 M along dimension {dim}, {what}: ", end="")
            print(f"{np.median(seconds):.2f} s (best {min(seconds):.2f}; at most 0.5), {peak:.0f} MiB beside it")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(tempfile.gettempdir()))
