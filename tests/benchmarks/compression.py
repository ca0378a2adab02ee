"""Saving with `compress`: python -m tests.benchmarks.compression [MILLION ELEMENTS]

Normally distributed numbers (4 million of them where no argument says otherwise), pruned by the smallest magnitudes and
saved as `.pt`: the share of the dense bytes that is left, and the speed of `pruner.save` in megabytes (10⁶) of dense
bytes a second, flushed to the disk. Each file is loaded by `torch.load` with `weights_only=True` and compared. Two of
torch's threads are used. The dense row has nothing pruned.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import pruner
from pruner.estimate import Weight, weigh_all

RUNS = 5
THREADS = 2
MARKS = {torch.float32: {50: 0.54, 70: 0.36, 90: 0.14}, torch.bfloat16: {50: 0.50, 70: 0.33, 90: 0.14}}


def estimated(checkpoint: pruner.Checkpoint, pruning: pruner.Pruning, out: Path) -> int:
    """Bytes that the sample says."""
    found = next(filter(None, weigh_all(checkpoint, pruning, out, ["permanent"], compress=True)))["permanent"]
    assert isinstance(found, Weight)
    return found.nbytes


def measure(folder: Path, dtype: torch.dtype, elements: int) -> None:
    """Print a row for each sparsity."""
    torch.manual_seed(0)
    source, out = folder / "dense.pt", folder / "out.pt"
    torch.save({"weight": torch.randn(elements).to(dtype)}, source)
    checkpoint = pruner.open_checkpoint(source)
    dense = elements * dtype.itemsize
    for percent in (0, 50, 70, 90):
        plan = pruner.Plan.match(checkpoint, {"weight": percent / 100})
        pruning = pruner.prune(checkpoint, plan, device="cpu")
        took = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            pruner.save(checkpoint, pruning, out, compress=True)
            took.append(time.perf_counter() - begun)
        expected = torch.load(source)["weight"].masked_fill(~pruning["weight"].mask.to_tensor(), 0)
        same = torch.equal(torch.load(out, weights_only=True)["weight"], expected)
        share = out.stat().st_size / dense
        mark = MARKS[dtype].get(percent)
        print(
            f"{str(dtype).removeprefix('torch.'):9} {percent:3d} %  {share:6.3f} {'' if mark is None else mark:>6} "
            f"{estimated(checkpoint, pruning, out) / dense:9.3f} {dense / 1e6 / statistics.median(took):6.0f} MB/s  "
            f"{'equal' if same else 'DIFFERENT'}"
        )


def main(elements: int) -> None:
    """Measure both types."""
    torch.set_num_threads(THREADS)
    print(f"{'':9} {'':5}  {'share':>6} {'at most':>6} {'estimate':>8} {'speed':>6}       loaded")
    with tempfile.TemporaryDirectory() as folder:
        for dtype in MARKS:
            measure(Path(folder), dtype, elements)


if __name__ == "__main__":
    main(round(float(sys.argv[1]) * 1e6) if len(sys.argv) == 2 else 4_000_000)
