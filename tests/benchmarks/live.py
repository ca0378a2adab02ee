"""Pruning a live module beside torch, in the same run: python -m tests.benchmarks.live [ELEMENTS…]

Each side runs in processes of its own, in turns, so that its peak memory is its own; the seconds are of one call of
`l1_unstructured` at 50 %, with the float mask and the product that belong to it. Memory is what the call added to the
process at its peak: the mask and the product of N float32 elements take 8 · N bytes of it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from statistics import median

import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

RATIO = 0.5
SIDES = ("torch", "secateur")
ELEMENTS = (10_000, 1_000_000, 20_000_000, 100_000_000)
MARKS = {10_000: 1, 1_000_000: 5, 20_000_000: 12, 100_000_000: 20}


def module_of(values: torch.Tensor) -> nn.Module:
    """A module with these weights."""
    module = nn.Module()
    module.register_parameter("weight", nn.Parameter(values))
    return module


def peak() -> float:
    """The most memory the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(side: str, elements: int) -> None:
    """Print the seconds of each call of one side, and the MB that the first one added at its peak."""
    if side == "torch":
        prune = torch_prune
    else:
        import pruner as prune
    values = torch.empty(elements)
    for part in values.split(1 << 20):
        part.normal_()
    prune.l1_unstructured(module_of(torch.randn(200_000)), "weight", RATIO)  # what is imported and started once
    before, added, seconds = peak(), 0.0, []
    for _ in range(max(3, min(200, 3_000_000 // elements))):
        module = module_of(values)
        begun = time.perf_counter()
        prune.l1_unstructured(module, "weight", RATIO)
        seconds.append(time.perf_counter() - begun)
        added = added or peak() - before
        del module
    print(median(seconds), added)


def run(side: str, elements: int) -> tuple[float, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.live", side, str(elements)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(found[0]), float(found[1])


def compare(elements: int, turns: int = 3) -> None:
    """Both sides in turns; print the medians and the median of the turns' ratios."""
    found = [{side: run(side, elements) for side in SIDES} for _ in range(turns)]
    print(f"{elements:,} float32")
    for side in SIDES:
        seconds, memory = (median(turn[side][place] for turn in found) for place in (0, 1))
        print(f"  {side:9} {seconds * 1000:10.2f} ms  {memory:6.0f} MB, {8 * elements / 2**20:.0f} of them the result")
    ratios = sorted(turn["torch"][0] / turn["secateur"][0] for turn in found)
    mark = f", the mark is {MARKS[elements]}" if elements in MARKS else ""
    print(f"  ratio     {median(ratios):10.1f}     ({ratios[0]:.1f} to {ratios[-1]:.1f}){mark}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in SIDES:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        for count in [int(one) for one in sys.argv[1:]] or ELEMENTS:
            compare(count)
