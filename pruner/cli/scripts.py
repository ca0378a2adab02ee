"""The script that `secateur prune --script` writes beside what it saves."""

from __future__ import annotations

from pathlib import Path

from pruner.cli.outputs import write_text
from pruner.export import Saved
from pruner.formats import open_checkpoint
from pruner.python_out.loading import loader


def write_script(path: Path, text: str, saved: Saved) -> None:
    """Write a script, and as comments at its end how what was saved is loaded; raises `PrunerError`."""
    lines = loader(open_checkpoint(saved.path)).splitlines()
    commented = "\n".join(f"# {line}".rstrip() for line in lines)
    text += f"\n# What was saved ({saved.form} form) loads like this:\n#\n{commented}\n"
    write_text(path, text)
