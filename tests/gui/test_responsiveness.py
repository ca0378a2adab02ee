"""The window answers while the lanes work: the longest time in which it did not is measured."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.history import State
from app.main_window import MainWindow
from app.session import quicken_threads
from pruner import Amount
from tests.gui.gaps import Gaps

LONGEST_MS = 100
TRIES = 3
"""Other work on the machine can hold any thread up; that the window itself does not, one of a few tries shows."""


@pytest.fixture
def window(qtbot, session):
    quicken_threads()
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    window.show()
    session.load_torch()
    return window


def sparse_set(folder: Path, shards: int = 4, layers: int = 32) -> None:
    """A set of shards of 13 GB whose numbers take no room on the disk."""
    weight_map = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        header, offset = {}, 0
        for layer in range(shard * layers // shards, (shard + 1) * layers // shards):
            for part in ("q", "k", "v", "o", "up", "down", "gate"):
                key = f"model.layers.{layer}.{part}_proj.weight"
                size = 2 * 5120 * 5660
                header[key] = {"dtype": "BF16", "shape": [5120, 5660], "data_offsets": [offset, offset + size]}
                weight_map[key] = name
                offset += size
        text = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + offset)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.slow
def test_that_the_window_answers_while_100_million_weights_are_pruned(qtbot, window, session, tmp_path):
    save_file({"weight": torch.randn(10_000, 10_000)}, tmp_path / "large.safetensors")
    session.open(tmp_path / "large.safetensors")
    qtbot.waitUntil(lambda: "weight" in session.zeros, timeout=60_000)
    gaps, found = Gaps(), []
    for _ in range(TRIES):
        session.set_amounts(["weight"], Amount(0.5))
        gaps.start()
        session.prune()
        qtbot.waitUntil(lambda: session.pruning is not None and not session.work.busy, timeout=60_000)
        found.append(gaps.stop())
        if found[-1] < LONGEST_MS:
            break
        session.undo()
    print(f"longest gaps while pruning: {[f'{gap:.0f} ms' for gap in found]}")
    assert min(found) < LONGEST_MS


@pytest.mark.slow
def test_that_the_window_answers_while_a_set_of_13_gb_is_opened(qtbot, window, session, tmp_path):
    sparse_set(tmp_path)
    gaps, found = Gaps(), []
    for _ in range(TRIES):
        session._renew(State())
        gaps.start()
        session.open(tmp_path)
        qtbot.waitUntil(lambda: session.checkpoint is not None, timeout=60_000)
        qtbot.wait(500)
        found.append(gaps.stop())
        if found[-1] < LONGEST_MS:
            break
    print(f"longest gaps while opening: {[f'{gap:.0f} ms' for gap in found]}")
    assert session.checkpoint.file_bytes > 12.9e9
    assert min(found) < LONGEST_MS
