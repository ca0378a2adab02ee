"""The script that `secateur prune --script` writes beside what it saves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pruner.errors import PrunerError
from pruner.export import Saved
from pruner.files import appearing
from pruner.formats import open_checkpoint
from pruner.python_out.loading import loader


def require_script_free(path: Path, others: Iterable[Path], overwrite: bool) -> None:
    """Raise `PrunerError` where the script would take the place of another file."""
    if any(path.absolute() == other.absolute() for other in others):
        raise PrunerError(f"{path}: the script and the checkpoints need names of their own. Choose another.")
    if path.exists() and not overwrite:
        raise PrunerError(f"{path}: it exists already. Choose another name, or allow to replace it (--force).")


def write_script(path: Path, text: str, saved: Saved) -> None:
    """Write a script, and as comments at its end how what was saved is loaded; raises `PrunerError`."""
    lines = loader(open_checkpoint(saved.path)).splitlines()
    commented = "\n".join(f"# {line}".rstrip() for line in lines)
    text += f"\n# What was saved ({saved.form} form) loads like this:\n#\n{commented}\n"
    with appearing(path.absolute()) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
