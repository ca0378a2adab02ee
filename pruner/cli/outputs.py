"""Files that verbs write beside checkpoints: scripts, recipes, tables, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pruner.errors import PrunerError
from pruner.files import appearing


def require_free(path: Path, others: Iterable[Path], overwrite: bool) -> None:
    """Raise `PrunerError` where a new file would take the place of another that is read or written, or is there."""
    if any(path.absolute() == other.absolute() for other in others):
        raise PrunerError(f"{path}: files that are read and written need names of their own. Choose another.")
    if path.exists() and not overwrite:
        raise PrunerError(f"{path}: it exists already. Choose another name, or allow to replace it (--force).")


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, which appears whole or not at all; raises `PrunerError`."""
    with appearing(path.absolute()) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
