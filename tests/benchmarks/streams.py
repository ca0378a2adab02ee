"""Pruning a large file beside copying it: python -m tests.benchmarks.streams [GB] [DTYPE]

The file is of safetensors, in tensors of half a gigabyte, in the folder for temporary files, which needs three times
its size. Both are flushed to the disk. Memory is the peak of a process of its own, torch and Python included.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TENSOR_BYTES = 500_000_000
ITEMSIZE = {"F32": 4, "BF16": 2}
RATIO = 0.5


def make(path: Path, gigabytes: float, dtype: str) -> None:
    """Normal numbers, in each tensor at other places."""
    width = ITEMSIZE[dtype]
    rows = TENSOR_BYTES // width // 1000
    values = np.random.default_rng(0).standard_normal(rows * 1000, dtype=np.float32)
    words = values if dtype == "F32" else (values.view(np.uint32) >> 16).astype(np.uint16)
    count = max(1, round(gigabytes * 1e9 / TENSOR_BYTES))
    header = {
        f"layers.{number}.weight": {
            "dtype": dtype,
            "shape": [rows, 1000],
            "data_offsets": [number * words.nbytes, (number + 1) * words.nbytes],
        }
        for number in range(count)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for number in range(count):
            file.write(np.roll(words, number * 7919).data)
    flush(path)


def flush(path: Path) -> None:
    """Wait until the file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def measure(source: Path, target: Path, scope: str) -> None:
    """Print the seconds of pruning and saving, and the peak memory of the process in MB."""
    import resource

    import torch  # noqa: F401 - what is imported once is no part of the work

    import pruner

    begun = time.perf_counter()
    checkpoint = pruner.open_checkpoint(source)
    plan = pruner.Plan.match(checkpoint, {"*": RATIO}, scope=scope)  # type: ignore[arg-type]
    pruner.save(checkpoint, pruner.prune(checkpoint, plan, "cpu"), target)
    flush(target)
    print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run(*arguments: str) -> str:
    """A step in a process of its own; what it prints."""
    command = [sys.executable, "-m", "tests.benchmarks.streams", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main(gigabytes: float, dtype: str) -> None:
    """Copy, prune locally and globally, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.safetensors", Path(folder) / "target.safetensors"
        # a process that starts another leaves its own peak of memory with it
        run("make", str(source), str(gigabytes), dtype)
        begun = time.perf_counter()
        shutil.copyfile(source, target)
        flush(target)
        copy = time.perf_counter() - begun
        target.unlink()
        print(f"copy of {source.stat().st_size / 1e9:.1f} GB {dtype}: {copy:.1f} s")
        for scope in ("local", "global"):
            found = run("measure", str(source), str(target), scope).split()
            target.unlink()
            seconds, memory = float(found[0]), float(found[1])
            print(f"{scope:6} {RATIO:.0%}: {seconds:.1f} s, {copy / seconds:.0%} of the copy's speed, {memory:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 2, sys.argv[2] if len(sys.argv) > 2 else "F32")
