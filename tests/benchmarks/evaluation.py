"""A user's model of 100 million float32 in a process of its own: python -m tests.benchmarks.evaluation [FOLDER]

Prints the seconds until it is built and ready, and what an evaluation by a function that does nothing takes: the first
one, with the same weights again, with all of them pruned, with one tensor of ten changed, and the call by itself;
beside them a copy of as many bytes in memory. A file of 400 MB is made in FOLDER, or the folder for temporary files.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import pruner
from pruner.evaluation import evaluate
from pruner.models import Runner

LAYERS, WIDTH = 10, 3200
REPEATS = 7
NET = f"""
import torch
def build(): return torch.nn.Sequential(*(torch.nn.Linear({WIDTH}, {WIDTH}, bias=False) for _ in range({LAYERS})))
def nothing(model): return 0.0
"""


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(folder: Path) -> None:
    """Make the files where they are not there, and take each figure."""
    path, code = folder / "secateur-evaluation.pt", folder / "secateur_evaluation.py"
    code.write_text(NET)
    if not path.exists():
        torch.save({f"{layer}.weight": torch.randn(WIDTH, WIDTH) for layer in range(LAYERS)}, path)
    checkpoint = pruner.open_checkpoint(path)
    everything, one = (
        pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {pattern: 0.5})) for pattern in ("*", "0.weight")
    )
    begun = time.perf_counter()
    with Runner(f"{code}:build", function=f"{code}:nothing") as runner:
        runner.ready()
        print(f"ready              {time.perf_counter() - begun:7.3f} s")
        print(f"first              {seconds(lambda: evaluate(runner, checkpoint)):7.3f} s")
        for what, works in (
            ("same weights", [lambda: evaluate(runner, checkpoint)]),
            ("all changed", [lambda: evaluate(runner, checkpoint, everything), lambda: evaluate(runner, checkpoint)]),
            ("one changed", [lambda: evaluate(runner, checkpoint, one), lambda: evaluate(runner, checkpoint)]),
            ("the call itself", [runner.evaluate]),
        ):
            taken = [seconds(work) for _ in range(REPEATS) for work in works]
            print(f"{what:18} {statistics.median(taken):7.4f} s   ({min(taken):.4f} to {max(taken):.4f})")
    source, target = torch.ones(LAYERS * WIDTH * WIDTH), torch.zeros(LAYERS * WIDTH * WIDTH)
    taken = [seconds(lambda: target.copy_(source)) for _ in range(REPEATS)]
    print(f"{'a copy in memory':18} {statistics.median(taken):7.4f} s   ({min(taken):.4f} to {max(taken):.4f})")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir()))
