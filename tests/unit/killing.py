"""Saves again and again, and kills the saving process at random instants; run by `test_kills`.

Arguments: the source, the target, how many kills, and what `save` takes, as JSON. Processes are forked, since torch
takes seconds to import. Fails where a target is neither what was there nor what is saved, or where something is left.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from pruner import Plan, open_checkpoint, prune, save
from pruner.unfinished import tidy


def content(path: Path) -> dict[str, str]:
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    source, target, kills, options = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
    torch.set_num_threads(1)  # its threads do not survive a fork
    checkpoint = open_checkpoint(source)
    states = [prune(checkpoint, Plan.match(checkpoint, {"*": amount})) for amount in (0.3, 0.6)]

    def writing(state: int) -> int:
        """A process that saves a state."""
        child = os.fork()
        if child == 0:
            save(checkpoint, states[state], target, **options)
            os._exit(0)
        return child

    wanted, longest = [], 0.0
    for state in (1, 0):
        begun = time.perf_counter()
        os.waitpid(writing(state), 0)
        longest = max(longest, time.perf_counter() - begun)
        wanted.append(content(target))
    assert wanted[0] != wanted[1]
    there = 0
    chance = random.Random(7)
    around = set(target.parent.iterdir())
    ends = [0, 0]
    for _ in range(kills):
        child = writing(1 - there)
        time.sleep(chance.uniform(0, 1.5 * longest))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if not target.is_dir():
            assert content(target) in wanted, "a partial target"
        tidy()
        found = content(target)
        assert found in wanted, "neither the old nor the new one"
        assert set(target.parent.iterdir()) == around, f"left: {set(target.parent.iterdir()) - around}"
        now = 1 - wanted.index(found)
        ends[int(now != there)] += 1
        there = now
    assert min(ends) > 0, f"kept and replaced: {ends}"


main()
