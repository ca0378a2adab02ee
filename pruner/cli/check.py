"""`secateur check`: what is wrong with a checkpoint, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pruner.cli.completing import checks, roots
from pruner.cli.explaining import ExplainedCommand
from pruner.cli.parameters import json_object
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_json, terminal_progress
from pruner.doctor import Finding, all_checks, examine, repaired, united
from pruner.doctor.fitting import NAME, fit
from pruner.errors import PrunerError
from pruner.export import forms
from pruner.formats import open_checkpoint
from pruner.models import describe

_SIGNS = {"fault": "✗", "risk": "!", "note": "·"}
FAULTY = 1
_JSON = {
    "path, out": "What was examined, and where the repaired file is; out is null without --repair.",
    "findings": "A list: check, severity (fault, risk or note), tensors, text, meaning, and repair, which is null "
    "where there is none.",
}
_EXAMPLES = (
    ("what is wrong with a file", "secateur check model.pt"),
    ("all repairs that there are", "secateur check model.pt --repair mended.pt"),
    ("whether it loads into a model", "secateur check model.pt --against model.py:build"),
    ("one of them", "secateur check masked.pt --repair permanent.pt --only renamed_keys"),
)


@click.command(
    cls=ExplainedCommand,
    short_help="Look for what is wrong with a checkpoint, and mend it.",
    examples=_EXAMPLES,
    json=_JSON,
)
@click.argument("file", type=FILE_PATH)
@click.option("--root", shell_complete=roots, help="The key of the dictionary that holds the weights.")
@click.option("--against", metavar="MODEL.py:BUILD", help="Python that builds the model that it is to load into.")
@click.option(
    "--args",
    "--arguments",
    "arguments",
    type=json_object,
    metavar="JSON",
    help="Keyword arguments of BUILD, such as '{\"width\": 64}'.",
)
@click.option("--repair", "out", type=FILE_PATH, help="Save with repairs to a new file.")
@click.option(
    "--only",
    "only",
    multiple=True,
    metavar="CHECK",
    shell_complete=checks,
    help="Repair only what this check found; several times.",
)
@click.option(
    "--form",
    type=click.Choice(sorted(forms())),
    default="permanent",
    show_default=True,
    help="The form that a repaired file is saved in.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(
    file: Path,
    root: str | None,
    against: str | None,
    arguments: dict[str, Any] | None,
    out: Path | None,
    only: tuple[str, ...],
    form: str,
    force: bool,
    as_json: bool,
) -> int:
    """Examine the checkpoint FILE: masks without originals, masks that are not binary, NaN, dead channels and the like.

    With --against it is held against a model, which is built in a process of
    its own: missing and unexpected tensors, other shapes, prefixes.

    Each finding says what it means. --repair saves a mended copy; FILE itself is never written to. The status is 1
    where there are faults and they are not repaired.
    """
    _require_known(only)
    checkpoint = open_checkpoint(file, root)
    progress = terminal_progress()
    try:
        found = examine(checkpoint, progress)
        if against is not None:
            found = (*fit(checkpoint, describe(against, arguments)), *found)
        end_progress(progress)
        chosen = [one for one in found if one.repair is not None and _is_wanted(one, only)]
        if out is not None:
            _save(file, chosen, out, form, force, root)
    finally:
        end_progress(progress)
    if as_json:
        print_json({"path": str(file), "findings": [document(one) for one in found], "out": out and str(out)})
    else:
        _print(file, found, chosen, out)
    mended = chosen if out is not None else []
    return FAULTY if any(one.severity == "fault" and one not in mended for one in found) else 0


def document(finding: Finding) -> dict[str, Any]:
    """The JSON of a finding."""
    return {
        "check": finding.check,
        "severity": finding.severity,
        "tensors": list(finding.tensors),
        "text": finding.text,
        "meaning": finding.meaning,
        "repair": finding.repair.title if finding.repair is not None else None,
    }


def _require_known(only: Sequence[str]) -> None:
    for name in only:
        if name not in (*all_checks(), NAME):
            raise click.UsageError(f"There is no check “{name}”; there are {', '.join((*all_checks(), NAME))}.")


def _is_wanted(finding: Finding, only: Sequence[str]) -> bool:
    """Whether a finding is to be repaired: those named, or all whose repair need not be asked for by name."""
    assert finding.repair is not None
    return finding.check in only if only else not finding.repair.by_name


def _save(file: Path, chosen: Sequence[Finding], out: Path, form: str, force: bool, root: str | None) -> None:
    from pruner.export import save
    from pruner.prune import Pruning

    if not chosen:
        raise PrunerError(f"{file}: nothing was found that a repair would mend; {out} was not written.")
    repair = united(one.repair for one in chosen if one.repair is not None)
    checkpoint, pruning = repaired(open_checkpoint(file, root), repair)
    save(checkpoint, pruning or Pruning(), out, form, overwrite=force)


def _print(file: Path, found: Sequence[Finding], chosen: Sequence[Finding], out: Path | None) -> None:
    if not found:
        click.echo(f"{file.name}: nothing was found ({len(all_checks())} checks).")
    for one in found:
        click.echo(one_line(f"{_SIGNS[one.severity]} {one.text}"))
        click.echo(one_line(f"    {one.meaning}"))
        if one.repair is not None:
            done = "Repaired" if out is not None and one in chosen else "Repair"
            click.echo(one_line(f"    {done} ({one.check}): {one.repair.title}."))
    if out is not None:
        click.echo(f"Saved {out}.")
