"""`secateur sensitivity`: what pruning takes of each parameter, told by the values alone."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pruner.cli.completing import roots, tensor_names
from pruner.cli.explaining import ExplainedCommand
from pruner.cli.outputs import require_free, write_text
from pruner.cli.parameters import ratio_list
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_columns, print_json, terminal_progress
from pruner.formats import open_checkpoint

if TYPE_CHECKING:
    from pruner.sensitivity.profiles import Profile
    from pruner.sensitivity.whole import WholeLoss

_COLUMNS = ("scope", "name", "elements", "ratio", "pruned", "threshold", "l1_kept", "l2_kept", "output_error")
_STDOUT = "-"
Shown = Literal["l2", "l1", "error"]
_SHOWN: dict[Shown, str] = {
    "l2": "L2 norm that remains, in %",
    "l1": "L1 norm that remains, in %",
    "error": "Relative error of the output, in %",
}
_JSON = {
    "path": "FILE.",
    "data": "False: no data was used.",
    "ratios": "Those that were looked at, as shares.",
    "parameters": "A list: name, elements, and for each ratio what is pruned, the threshold, l1_kept, l2_kept and "
    "output_error (null below two dimensions).",
    "whole": "For each ratio: pruned, uniform_l2_kept (one ratio for each parameter), global_l2_kept (one threshold "
    "over all), and global_most, the parameter which that hits hardest.",
    "warnings": "Remarks for people.",
}
_EXAMPLES = (
    ("what remains of each parameter", "secateur sensitivity model.pt"),
    ("a figure", "secateur sensitivity model.pt --ratios 50,90 --tensors '*.weight' --plot curves.svg --force"),
    ("for a spreadsheet", "secateur sensitivity model.safetensors --csv"),
)


@click.command(
    cls=ExplainedCommand,
    short_help="What pruning takes of each parameter, without data.",
    examples=_EXAMPLES,
    json=_JSON,
)
@click.argument("file", type=FILE_PATH)
@click.option(
    "--ratios",
    type=ratio_list,
    default="10,20,30,40,50,60,70,80,90,95,99",
    show_default=True,
    metavar="LIST",
    help="Ratios to look at, in percent, or below 1 as shares.",
)
@click.option(
    "--tensors",
    multiple=True,
    metavar="PATTERN",
    shell_complete=tensor_names,
    help="Which tensors; all candidates by default.",
)
@click.option("--exclude", multiple=True, metavar="PATTERN", shell_complete=tensor_names, help="Tensors to leave out.")
@click.option("--root", metavar="KEY", shell_complete=roots, help="Key of the dictionary that holds the weights.")
@click.option(
    "--show",
    type=click.Choice(list(_SHOWN)),
    default="l2",
    show_default=True,
    help="What the table has: the L2 or the L1 norm that remains, or the relative error of the output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--csv", "csv_file", is_flag=False, flag_value=_STDOUT, metavar="[OUT]", help="Print CSV, or write it to OUT."
)
@click.option("--plot", type=FILE_PATH, metavar="OUT.svg", help="Draw it, as SVG.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
def sensitivity(
    file: Path,
    ratios: tuple[float, ...],
    tensors: tuple[str, ...],
    exclude: tuple[str, ...],
    root: str | None,
    show: Shown,
    as_json: bool,
    csv_file: str | None,
    plot: Path | None,
    force: bool,
) -> None:
    """Say what remains of each parameter of FILE when its smallest magnitudes are pruned.

    For every ratio: the share of the L2 norm (and in --json and --csv of the L1 norm) that remains, and the relative
    error of the layer's output for inputs of unit covariance. No data is used and nothing is pruned.
    """
    if as_json and csv_file == _STDOUT:
        raise click.UsageError("--json and --csv both print: leave one out, or write --csv OUT.csv.")
    written = [path for path in (plot, Path(csv_file) if csv_file not in (None, _STDOUT) else None) if path is not None]
    for path in written:
        require_free(path, [file, *(other for other in written if other is not path)], force)

    from pruner.marks import stored_pruning
    from pruner.sensitivity.choosing import choose, warnings_of
    from pruner.sensitivity.picture import picture
    from pruner.sensitivity.profiles import profiles_of
    from pruner.sensitivity.whole import Whole

    checkpoint = open_checkpoint(file, root)
    names = choose(checkpoint, tensors, exclude)
    warnings = warnings_of(checkpoint, names)
    progress = terminal_progress()
    try:
        profiles = profiles_of(checkpoint, names, ratios, after=stored_pruning(checkpoint), progress=progress)
    finally:
        end_progress(progress)
    whole = Whole(profiles)
    together = [whole.at(ratio) for ratio in ratios]
    if plot is not None:
        write_text(plot, picture(checkpoint.path.name, profiles, whole))
    if csv_file is not None and csv_file != _STDOUT:
        write_text(Path(csv_file), table(profiles, together))
    if as_json:
        print_json(document(file, ratios, profiles, together, warnings))
    elif csv_file == _STDOUT:
        sys.stdout.buffer.write(table(profiles, together).encode("utf-8", "backslashreplace"))
    else:
        _print(profiles, together, show, warnings)
        for path in written:
            click.echo(f"Saved {one_line(str(path))}.")


def document(
    file: Path,
    ratios: Sequence[float],
    profiles: Sequence[Profile],
    together: Sequence[WholeLoss],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The JSON of profiles."""
    return {
        "path": str(file),
        "data": False,
        "ratios": list(ratios),
        "parameters": [_parameter(one) for one in profiles],
        "whole": [
            {
                "ratio": one.ratio,
                "pruned": one.count,
                "uniform_l2_kept": one.uniform,
                "global_l2_kept": one.together,
                "global_most": {"name": one.hardest, "ratio": one.taken},
            }
            for one in together
        ],
        "warnings": list(warnings),
    }


def _parameter(one: Profile) -> dict[str, Any]:
    return {
        "name": one.name,
        "shape": list(one.shape),
        "dtype": one.dtype,
        "elements": one.left,
        "zeros": one.zeros,
        "not_finite": one.odd,
        "l2": one.norm,
        "exact": one.exact,
        "ratios": [
            {
                "ratio": loss.ratio,
                "pruned": loss.count,
                "threshold": loss.threshold,
                "l1_kept": loss.l1,
                "l2_kept": loss.l2,
                "output_error": loss.error,
            }
            for loss in one.losses
        ],
    }


def table(profiles: Sequence[Profile], together: Sequence[WholeLoss]) -> str:
    """The CSV of profiles: a line for each parameter and ratio, then those of all parameters together."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in profiles:
        for loss in one.losses:
            error = "" if loss.error is None else loss.error
            threshold = "" if loss.threshold is None else loss.threshold
            rows.writerow(["parameter", one.name, one.left, loss.ratio, loss.count, threshold, loss.l1, loss.l2, error])
    every = sum(one.left for one in profiles)
    for whole in together:
        rows.writerow(["uniform", "", every, whole.ratio, whole.count, "", "", whole.uniform, ""])
        rows.writerow(["global", "", every, whole.ratio, whole.count, "", "", whole.together, ""])
    return out.getvalue()


def _print(profiles: Sequence[Profile], together: Sequence[WholeLoss], show: Shown, warnings: Sequence[str]) -> None:
    """A line for each parameter, a column for each ratio."""
    click.echo(f"{_SHOWN[show]}, when so much of the smallest magnitudes is pruned:")
    rows = [["parameter", "elements", *(f"{100 * one.ratio:g}%" for one in together)]]
    for one in profiles:
        rows.append([one_line(one.name), f"{one.left:,}", *(_cell(getattr(loss, show)) for loss in one.losses)])
    if show == "l2":
        every = f"{sum(one.left for one in profiles):,}"
        rows.append(["all, this ratio of each", every, *(_cell(one.uniform) for one in together)])
        rows.append(["all, one threshold", every, *(_cell(one.together) for one in together)])
    print_columns(rows)
    for line in warnings:
        click.echo(one_line(f"! {line}"))
    _print_words(profiles, together)


def _cell(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _print_words(profiles: Sequence[Profile], together: Sequence[WholeLoss]) -> None:
    emptied = [one for one in together if one.taken >= 1 > one.ratio and len(profiles) > 1]
    if emptied:
        one = emptied[0]
        click.echo(one_line(f"! One threshold over all at {100 * one.ratio:g}% takes every element of {one.hardest}."))
    for profile in profiles:
        if profile.odd:
            click.echo(
                one_line(f"! {profile.name}: {profile.odd:,} elements are NaN or infinite; no norm counts them.")
            )
    click.echo(
        "A weight that keeps the share s of its L2 norm has an output that is off by √(1 − s²) of itself, for inputs\n"
        "of unit covariance: 99 % kept is an error of 14 %, 90 % one of 44 %. No data was used,\n"
        "nothing was retrained: this ranks parameters by their own values. What pruning costs in accuracy is known\n"
        "when it is measured."
    )
