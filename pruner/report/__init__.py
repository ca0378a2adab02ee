"""Reports of what was pruned: one HTML page, or a CSV, for a paper's appendix or a colleague."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.export import Saved
from pruner.files import appearing
from pruner.progress import Progress
from pruner.prune import Pruning
from pruner.report.facts import FileFacts, Report, TensorFacts, Totals
from pruner.report.gathering import gather
from pruner.report.page import page
from pruner.report.table import table
from pruner.targets import require_free

__all__ = ["ENDINGS", "FileFacts", "Report", "TensorFacts", "Totals", "check_report_target", "report", "write_reports"]

_WRITERS: dict[str, Callable[[Report], str]] = {".html": page, ".htm": page, ".csv": table}
ENDINGS = tuple(_WRITERS)
"""What the names of reports end in; the ending chooses the kind."""
_TABLE = ".csv"


def report(
    checkpoint: Checkpoint,
    pruning: Pruning,
    path: str | Path,
    saved: Saved | None = None,
    *,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Write what pruning did as a page (`.html`) or a table with a row for each tensor (`.csv`); gives what it tells.

    `saved` is what `save` gave: the report then has the hashes of the output, too. All numbers of the checkpoint are
    read once, those of the tensors that get pictures twice; the files are read once more for their SHA-256. The file
    appears whole or not at all. The same input gives the same bytes.

    Raises `PrunerError` for a name that does not end in `.html` or `.csv`, is the source's or the output's or exists
    (without `overwrite`), and for files that cannot be read; and what `progress` raises.
    """
    return write_reports(checkpoint, pruning, [Path(path)], saved, overwrite=overwrite, progress=progress)


def write_reports(
    checkpoint: Checkpoint,
    pruning: Pruning,
    paths: Iterable[Path],
    saved: Saved | None = None,
    *,
    overwrite: bool = True,
    progress: Progress | None = None,
) -> Report:
    """`report` to several files, for which the numbers are read once."""
    targets = [path.absolute() for path in paths]
    for place, target in enumerate(targets):
        others = [*targets[:place], *([saved.path] if saved is not None else [])]
        check_report_target(checkpoint, target, others, overwrite=overwrite)
    pictures = any(target.suffix.lower() != _TABLE for target in targets)
    made = gather(checkpoint, pruning, saved, pictures=pictures, progress=progress)
    for target in targets:
        text = _WRITERS[target.suffix.lower()](made)
        with appearing(target) as partial:
            # a name in a file may hold halves of characters, which UTF-8 has no bytes for
            partial.write_bytes(text.encode("utf-8", "backslashreplace"))
    return made


def check_report_target(
    checkpoint: Checkpoint, path: Path, others: Iterable[Path] = (), *, overwrite: bool = True
) -> None:
    """Whether a report can be written there, asked before any work; `others` are names that other output has.

    Raises `PrunerError` as `report` would.
    """
    if path.suffix.lower() not in ENDINGS:
        raise PrunerError(f"{path}: a report's name ends in .html (a page) or .csv (a table).")
    if any(path.absolute() == other.absolute() for other in others):
        raise PrunerError(f"{path}: the report and what else is written need names of their own. Choose another.")
    try:
        if path.is_dir():
            raise PrunerError(f"{path}: this is a folder; a report is one file.")
        if not path.absolute().parent.is_dir():
            raise PrunerError(f"{path.absolute().parent}: there is no such folder.")
        require_free(checkpoint, path, overwrite)
    except OSError as error:
        raise PrunerError(f"{path}: this name cannot be used ({error.strerror}). Choose another.") from error
