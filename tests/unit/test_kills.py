"""A process that is killed while it saves loses nothing and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pruner.unfinished import Note, tidy

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
KILLS = 40
"""Of each of the five ways: 200."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("out.pt", {"form": "permanent"}),
        ("out.safetensors", {"form": "permanent"}),
        ("out.pt", {"form": "masked"}),
        ("out.pt", {"form": "reversible", "compress": True}),
        ("shards", {"form": "permanent", "shard_bytes": 300_000}),
    ],
)
def test_that_kills_at_random_instants_lose_nothing(tmp_path: Path, target: str, options: dict[str, object]):
    torch.manual_seed(0)
    torch.save({f"{name}.weight": torch.randn(300, 200) for name in "abcdef"}, tmp_path / "source.pt")
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-m", "tests.unit.killing", str(tmp_path / "source.pt")]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [*command, str(tmp_path / "out" / target), str(KILLS), json.dumps(options)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_that_what_is_being_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    partial = tmp_path / ".a.pt.1234.part"
    partial.write_bytes(b"half")
    note = Note(partial)
    assert tidy() == []
    assert partial.exists()
    note.withdraw()
    assert tidy() == []


def test_that_a_note_cannot_have_other_files_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "thesis.pt").write_bytes(b"precious")
    folder = tmp_path / "state" / "secateur" / "unfinished"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"partial": str(tmp_path / "thesis.pt")}) + "\n")
    (folder / "b.json").write_text("no JSON\n")
    assert tidy() == []
    assert (tmp_path / "thesis.pt").exists()
