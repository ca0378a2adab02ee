"""The reports that `secateur prune --report` writes beside what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from pruner.checkpoint import Checkpoint
from pruner.cli.shared import one_line
from pruner.report import ENDINGS, check_report_target


def require_report_names(reports: Sequence[Path]) -> None:
    """Raise `click.UsageError` where a name does not tell which kind of report it is."""
    for path in reports:
        if path.suffix.lower() not in ENDINGS:
            told = f"“{path}” ends in neither .html (a page) nor .csv (a table)."
            raise click.BadParameter(one_line(told), param_hint="'--report'")


def require_reports_free(
    checkpoint: Checkpoint, reports: Sequence[Path], others: Sequence[Path], overwrite: bool
) -> None:
    """Raise `PrunerError` where a report cannot be written, or would take the place of another file."""
    for place, path in enumerate(reports):
        check_report_target(checkpoint, path, [*others, *reports[:place]], overwrite=overwrite)
