"""How long sensitivity without data takes, beside reading the file: python -m tests.benchmarks.sensitivity [MB …]

A file of normal numbers in tensors of several sizes, 400 MB of float32 (100 million elements) and 2,000 MB of bfloat16
where no sizes are given, then both types of each size. Seconds are of `profiles_of` and of reading every byte by
pieces of the same size, each once from the disk (the system's cache of the file is dropped first) and once from memory;
`CPU` is what sensitivity took of all cores, which other work beside it changes less; then of the plan for a budget. MB
are what they added to the process at its peak.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from pruner import Amount, open_checkpoint
from pruner.elements import PIECE
from pruner.sensitivity.choosing import choose
from pruner.sensitivity.planning import Bounds, propose
from pruner.sensitivity.profiles import profiles_of

SHAPES = ((768, 768), (3072, 768), (768, 3072), (768,))
"""Those of a transformer, again and again until the size is reached."""
DEFAULTS = ((400, torch.float32), (2000, torch.bfloat16))


def peak() -> float:
    """The most memory the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(path: Path, megabytes: int, dtype: torch.dtype) -> None:
    """A file of about so many MB."""
    torch.manual_seed(0)
    base = (torch.randn(1 << 22) * 0.02).to(dtype)
    left = megabytes * 1_000_000 // dtype.itemsize
    tensors = {}
    while left > 0:
        shape = SHAPES[len(tensors) % len(SHAPES)]
        values = base[: torch.Size(shape).numel()].roll(len(tensors)).reshape(shape)
        tensors[f"layers.{len(tensors)}.weight"] = values.clone()
        left -= values.numel()
    save_file(tensors, path)


def forget(path: Path) -> None:
    """Have the system drop what it holds of a file, where it can."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(path: Path, size: int) -> None:
    """Every byte, once."""
    buffer = bytearray(size)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure(path: Path, megabytes: int, dtype: torch.dtype) -> None:
    """Print a row; another process has written the file, so that the peak is of this work."""
    checkpoint = open_checkpoint(path)
    names = choose(checkpoint)
    before = peak()
    profiles_of(checkpoint, names[:1])  # what is imported and started once
    cells = []
    for cold in (True, False):
        for work in (lambda: read(path, PIECE * dtype.itemsize), lambda: profiles_of(checkpoint, names)):
            if cold:
                forget(path)
            cells.append(seconds(work))
    begun = time.process_time()
    profiles = profiles_of(checkpoint, names)
    cells.append(time.process_time() - begun)
    curves, left = {one.name: one.curve for one in profiles}, {one.name: one.left for one in profiles}
    planned = seconds(lambda: propose(str(path), curves, left, budget=Amount(0.7), bounds=Bounds(), held={}))
    print(
        f"| {str(dtype)[6:]:8} {megabytes:>6,} MB, {checkpoint.numel:>13,} elements "
        f"| disk: read {cells[0]:.2f} s, sensitivity {cells[1]:.2f} s ({cells[0] / cells[1]:.0%} of the speed) "
        f"| memory: read {cells[2]:.2f} s, sensitivity {cells[3]:.2f} s ({cells[2] / cells[3]:.0%}) "
        f"| CPU {cells[4]:.2f} s "
        f"| plan {planned:.2f} s | {peak() - before:.0f} MB |",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    """All rows, each in a process of its own."""
    sizes = [int(one) for one in arguments]
    rows = [(size, dtype) for size in sizes for _, dtype in DEFAULTS] or DEFAULTS
    with tempfile.TemporaryDirectory() as folder:
        for megabytes, dtype in rows:
            path = Path(folder) / "model.safetensors"
            for work in _WORKS:
                row = [work, str(path), str(megabytes), str(dtype)[6:]]
                subprocess.run([sys.executable, "-m", "tests.benchmarks.sensitivity", *row], check=True)


_WORKS = {"write": write, "measure": measure}

if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in _WORKS:
        _WORKS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), getattr(torch, sys.argv[4]))
    else:
        main(sys.argv[1:])
