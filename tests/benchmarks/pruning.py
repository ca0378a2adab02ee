"""L1 pruning beside torch's, in the same run: python -m tests.benchmarks.pruning [ELEMENTS]

Each side runs in a process of its own, so that its peak memory is its own; times are of the pruning alone.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import prune as torch_prune

RATIO = 0.5


def measure(side: str, path: Path) -> None:
    """Print the seconds of one side, and the peak memory of its whole process in MB, torch and the weights included."""
    if side == "torch":
        module = nn.Module()
        module.register_parameter("weight", nn.Parameter(load_file(path)["weight"]))
        begun = time.perf_counter()
        torch_prune.l1_unstructured(module, "weight", RATIO)
    else:
        import pruner

        checkpoint = pruner.open_checkpoint(path)
        plan = pruner.Plan.match(checkpoint, {"weight": RATIO})
        begun = time.perf_counter()
        pruner.prune(checkpoint, plan, device="cpu")
    seconds = time.perf_counter() - begun
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run(side: str, path: Path) -> tuple[float, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.pruning", side, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(found[0]), float(found[1])


def main(elements: int) -> None:
    """Compare both sides three times, and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        torch.manual_seed(0)
        save_file({"weight": torch.randn(elements)}, path)
        sides = {side: sorted(run(side, path) for _ in range(3))[1] for side in ("torch", "secateur")}
    for side, (seconds, memory) in sides.items():
        print(f"{side:9} {seconds:7.2f} s  {memory:7.0f} MB")
    ratios = [torch_side / ours for torch_side, ours in zip(sides["torch"], sides["secateur"], strict=True)]
    print(f"ratio     {ratios[0]:7.1f}    {ratios[1]:7.1f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 20_000_000)
