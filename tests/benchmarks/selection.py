"""L1 pruning of tensors in memory beside torch, in the same run: python -m tests.benchmarks.selection [ELEMENTS…]

Each figure comes from a process of its own, so that its peak memory is its own. Seconds are of making the masks,
torch's float mask and our packed one: the median of several where one takes less than five seconds. `abs` is one pass
of `tensor.abs()` over the same data, the limit that memory sets. MB are what a side added to the process at its peak,
the masks included. Global rows have the elements in 12 tensors; torch joins these by `parameters_to_vector`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import pruner

ELEMENTS = (1_000_000, 10_000_000, 100_000_000)
RATIOS = (0.3, 0.5, 0.9)
TENSORS = 12
RUNS = 7
SLOW = 5


def peak() -> float:
    """The most memory the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def values_of(elements: int, dtype: torch.dtype) -> torch.Tensor:
    """Normal numbers, made without more memory than they take."""
    torch.manual_seed(0)
    values = torch.empty(elements, dtype=dtype)
    for part in values.split(1 << 20):
        part.copy_(torch.randn(len(part)))
    return values


def work_of(side: str, scope: str, ratio: float, values: torch.Tensor) -> Callable[[], object]:
    """What is measured."""
    if side == "abs":
        return values.abs
    parts = list(values.chunk(TENSORS)) if scope == "global" else [values]
    if side == "secateur":
        named = {str(number): part for number, part in enumerate(parts)}
        return lambda: pruner.masks_of(named, ratio, scope=scope)
    if scope == "local":
        return lambda: torch_prune.L1Unstructured(ratio).compute_mask(values, torch.ones_like(values))

    def globally() -> None:
        modules = [nn.Module() for _ in parts]
        for module, part in zip(modules, parts, strict=True):
            module.register_parameter("weight", nn.Parameter(part))
        torch_prune.global_unstructured(
            [(module, "weight") for module in modules], torch_prune.L1Unstructured, amount=ratio
        )

    return globally


def measure(side: str, scope: str, ratio: float, elements: int, dtype: str) -> None:
    """Print the seconds of one side, and the MB that it added at its peak."""
    values = values_of(elements, getattr(torch, dtype))
    work_of(side, "local", ratio, values[:200_000].clone())()  # what is imported and started once
    work = work_of(side, scope, ratio, values)
    before, seconds = peak(), []
    while len(seconds) < RUNS and sum(seconds) < SLOW:
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    print(median(seconds), peak() - before)


def run(side: str, scope: str, ratio: float, elements: int, dtype: str) -> tuple[float, float]:
    """One side in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.selection", side, scope, str(ratio), str(elements), dtype]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(found[0]), float(found[1])


def compare(elements: int, dtype: str) -> None:
    """A row for each ratio and scope."""
    pass_seconds, _ = run("abs", "local", 0, elements, dtype)
    for scope in ("local", "global"):
        for ratio in RATIOS:
            (theirs, their_mb), (ours, our_mb) = (
                run(side, scope, ratio, elements, dtype) for side in ("torch", "secateur")
            )
            print(
                f"| {elements:>11,} {dtype:8} | {scope:6} {ratio:4.0%} | {theirs * 1000:9.1f} ms {their_mb:6.0f} MB "
                f"| {ours * 1000:7.1f} ms {our_mb:4.0f} MB | {theirs / ours:5.1f} × | {ours / pass_seconds:4.1f} × |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 6:
        measure(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        print("| elements | scope, ratio | torch | Secateur | faster | abs passes |\n|---|---|---|---|---|---|")
        for count in [int(one) for one in sys.argv[1:]] or ELEMENTS:
            for name in ("float32", "bfloat16"):
                compare(count, name)
