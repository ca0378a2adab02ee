"""Listing and patching of containers: python -m tests.benchmarks.containers [MEGABYTES]

Listing: files of few and of many tensors, and of small and of large ones. Patching: every tensor of a file of so many
megabytes pruned by half, beside a plain copy of the same file (`shutil.copyfile` and a flush to the disk, as saving
does) in the same run, in turn. Memory is what the process holds at most while it saves, beyond what it held before.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

import pruner

RUNS = 5
FEW, MANY = 300, 50_000
Tensors = dict[str, torch.Tensor]
WRITERS: dict[str, Callable[[Tensors, Path], None]] = {
    "torch.save, zip": torch.save,
    "torch.save, legacy": lambda tensors, path: torch.save(tensors, path, _use_new_zipfile_serialization=False),
    "safetensors": save_file,
}


def tensors(count: int, elements: int) -> Tensors:
    """So many float32 tensors of random numbers, named as layers are."""
    torch.manual_seed(0)
    return {f"layers.{place}.weight": torch.randn(elements) for place in range(count)}


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def copy(source: Path, target: Path) -> None:
    """A plain copy that is on the disk in the end."""
    shutil.copyfile(source, target)
    descriptor = os.open(target, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def memory(field: str) -> int:
    """A figure of this process from Linux' /proc, in MB: VmRSS now, VmHWM at most; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(field)), 0)


def forget_peak() -> None:
    """Let VmHWM begin anew (proc(5), clear_refs)."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def measure_listing(folder: Path) -> None:
    """Print the median time of opening, in milliseconds."""
    print(f"{'listing, ms':22} {f'{FEW} small':>10} {f'{FEW} large':>10} {f'{MANY:,}':>10}")
    for name, write in WRITERS.items():
        row = []
        for count, elements in ((FEW, 16), (FEW, 1 << 20), (MANY, 16)):
            path = folder / f"list{write is save_file}.{'safetensors' if write is save_file else 'pt'}"
            write(tensors(count, elements), path)
            pruner.open_checkpoint(path)
            row.append(statistics.median(seconds(lambda path=path: pruner.open_checkpoint(path)) for _ in range(RUNS)))
            path.unlink()
        print(f"{name:22} " + " ".join(f"{1000 * one:10.1f}" for one in row))


def measure_patching(folder: Path, megabytes: int) -> None:
    """Print the medians of copying and patching, their ratio run by run, and the memory that patching takes."""
    print(f"{'patching':22} {'copy, s':>10} {'patch, s':>10} {'speed':>10} {'memory, MB':>12}")
    for name, write in WRITERS.items():
        path = folder / f"weights.{'safetensors' if write is save_file else 'pt'}"
        write(tensors(16, megabytes * (1 << 20) // 64), path)
        checkpoint = pruner.open_checkpoint(path)
        pruning = pruner.prune(checkpoint, pruner.Plan.match(checkpoint, {"*": 0.5}), device="cpu")
        out = path.with_name(f"out{path.suffix}")
        copies, patches, peak = [], [], 0
        for _ in range(RUNS):
            out.unlink(missing_ok=True)
            copies.append(seconds(lambda path=path, out=out: copy(path, out)))
            out.unlink()
            before = memory("VmRSS")
            forget_peak()
            save = lambda out=out, pruning=pruning, one=checkpoint: pruner.save(one, pruning, out)  # noqa: E731
            patches.append(seconds(save))
            peak = max(peak, memory("VmHWM") - before)
        speed = statistics.median(one / other for one, other in zip(copies, patches, strict=True))
        print(f"{name:22} {statistics.median(copies):10.2f} {statistics.median(patches):10.2f} {speed:9.0%} {peak:12d}")
        path.unlink()
        out.unlink()


def main(megabytes: int) -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory() as folder:
        measure_listing(Path(folder))
        measure_patching(Path(folder), megabytes)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 1024)
