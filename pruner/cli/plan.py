"""`secateur plan`: amounts for each parameter that keep to a budget, as a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pruner.amount import Amount, sparsity_of
from pruner.cli.completing import roots, tensor_names
from pruner.cli.explaining import ExplainedCommand
from pruner.cli.outputs import require_free
from pruner.cli.parameters import positive, read_by
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_columns, print_json, terminal_progress
from pruner.formats import open_checkpoint

if TYPE_CHECKING:
    from pruner.sensitivity.planning import Proposal

_CEILING = "98%"
_LEAST = 1000
_JSON = {
    "path, out": "FILE, and the recipe; out is null without -o.",
    "data": "False: no data was used.",
    "budget, max_error, ceiling": "What was asked for; null where it was not.",
    "parameters": "A list: name, elements, amount and pruned (elements), l2_kept (the share of the L2 norm that "
    "remains), error (relative, of the layer's output), limit (ceiling or error; null where neither stopped it).",
    "held": "Names that are left as they are, with the reasons.",
    "total": "elements, pruned, and squared_error, the sum that is least.",
    "warnings": "Remarks for people.",
}
_EXAMPLES = (
    ("seven tenths of all weights", "secateur plan model.pt --budget 70% -o recipe.toml --force"),
    ("as much as an error of 0.2 allows", "secateur plan model.pt --max-error 0.2 --vectors"),
)


@click.command(cls=ExplainedCommand, short_help="Make a recipe that keeps to a budget.", examples=_EXAMPLES, json=_JSON)
@click.argument("file", type=FILE_PATH)
@click.option(
    "--budget",
    type=read_by(Amount.parse),
    metavar="AMOUNT",
    help="How much of all candidates' elements to prune: 70%, 0.7, or a count.",
)
@click.option(
    "--max-error",
    type=positive,
    metavar="ERROR",
    help="The largest relative error of each layer's output: 0.2. Without --budget, as much as it allows is pruned.",
)
@click.option("-o", "--out", type=FILE_PATH, help="The recipe to write (TOML).")
@click.option(
    "--tensors",
    multiple=True,
    metavar="PATTERN",
    shell_complete=tensor_names,
    help="Which tensors; all candidates by default.",
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", shell_complete=tensor_names, help="Tensors that are no candidates."
)
@click.option(
    "--keep", multiple=True, metavar="PATTERN", shell_complete=tensor_names, help="Candidates to leave as they are."
)
@click.option("--keep-first-last", is_flag=True, help="Leave the first and the last layer's weight.")
@click.option(
    "--min-elements",
    type=click.IntRange(min=0),
    default=_LEAST,
    show_default=True,
    metavar="N",
    help="Leave parameters of fewer elements.",
)
@click.option("--vectors", is_flag=True, help="Prune parameters of one dimension too: biases, norms.")
@click.option(
    "--ceiling",
    type=read_by(sparsity_of),
    default=_CEILING,
    show_default=True,
    metavar="SPARSITY",
    help="The most of any parameter; one element stays in any case.",
)
@click.option("--root", metavar="KEY", shell_complete=roots, help="Key of the dictionary that holds the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
def plan(
    file: Path,
    budget: Amount | None,
    max_error: float | None,
    out: Path | None,
    tensors: tuple[str, ...],
    exclude: tuple[str, ...],
    keep: tuple[str, ...],
    keep_first_last: bool,
    min_elements: int,
    vectors: bool,
    ceiling: float,
    root: str | None,
    as_json: bool,
    force: bool,
) -> None:
    """Distribute a budget over the parameters of FILE, so that the sum of squared relative errors is least.

    The errors are those of the layers' outputs for inputs of unit covariance, told by the weights alone; every layer
    weighs the same. Biases, norms and small parameters are left as they are, but names given in full are taken.
    Nothing is pruned: look at the recipe, change it, and run it with prune --recipe.
    """
    if budget is None and max_error is None:
        raise click.UsageError("Give --budget (such as 70%), --max-error (such as 0.2), or both.")
    if budget is not None and budget.is_target:
        raise click.UsageError("--budget is a ratio (70%) or a count: leave out “to”.")
    if out is not None:
        require_free(out, [file], force)

    from pruner.marks import stored_pruning
    from pruner.sensitivity.choosing import HoldOut, choose, warnings_of
    from pruner.sensitivity.planning import Bounds, propose
    from pruner.sensitivity.profiles import profiles_of
    from pruner.sensitivity.recipe import recipe_of

    checkpoint = open_checkpoint(file, root)
    names = choose(checkpoint, tensors, exclude)
    held = HoldOut(keep, keep_first_last, min_elements, vectors, tensors).reasons(checkpoint, names)
    warnings = warnings_of(checkpoint, names)
    progress = terminal_progress()
    try:
        profiles = profiles_of(checkpoint, names, (), after=stored_pruning(checkpoint), progress=progress)
    finally:
        end_progress(progress)
    proposal = propose(
        str(checkpoint.path),
        {one.name: one.curve for one in profiles},
        {one.name: one.left for one in profiles},
        budget=budget,
        bounds=Bounds(ceiling, None if max_error is None else max_error**2),
        held=held,
    )
    if out is not None:
        recipe_of(checkpoint, proposal).write(out)
    if as_json:
        print_json(document(file, out, proposal, warnings))
    else:
        _print(proposal, file, out, warnings)


def document(file: Path, out: Path | None, proposal: Proposal, warnings: Sequence[str]) -> dict[str, Any]:
    """The JSON of a plan with what it predicts."""
    most = proposal.most_cost
    return {
        "path": str(file),
        "out": out and str(out),
        "data": False,
        "budget": proposal.budget and proposal.budget.value,
        "max_error": None if most is None else math.sqrt(most),
        "ceiling": proposal.ceiling,
        "parameters": [
            {
                "name": one.name,
                "elements": one.left,
                "amount": one.amount.value,
                "pruned": one.count,
                "l2_kept": math.sqrt(max(0.0, 1 - one.cost)),
                "error": math.sqrt(one.cost),
                "limit": one.limit or None,
            }
            for one in proposal.planned
        ],
        "held": dict(proposal.held),
        "total": {
            "elements": proposal.total,
            "pruned": proposal.count,
            "squared_error": sum(one.cost for one in proposal.planned),
        },
        "warnings": list(warnings),
    }


def _print(proposal: Proposal, file: Path, out: Path | None, warnings: Sequence[str]) -> None:
    from pruner.sensitivity.choosing import told
    from pruner.sensitivity.recipe import asked, kept

    rows = [["parameter", "elements", "pruned", "ratio", "L2 kept", "error", ""]]
    for one in proposal.planned:
        why = {"ceiling": "! at the ceiling", "error": "at the largest error"}.get(one.limit, "")
        shown = (f"{one.left:,}", f"{one.count:,}", f"{one.ratio:.2%}", kept(one.cost), f"{math.sqrt(one.cost):.3f}")
        rows.append([one_line(one.name), *shown, why])
    print_columns(rows)
    for line in warnings:
        click.echo(one_line(f"! {line}"))
    for line in told(proposal.held):
        click.echo(one_line(line))
    click.echo(asked(proposal))
    stopped = sum(one.limit == "ceiling" for one in proposal.planned)
    if stopped:
        click.echo(
            f"! {stopped:,} of {len(proposal.planned):,} parameters stop at the ceiling of "
            f"{Amount(proposal.ceiling)}: without it they would lose more, up to all of their elements."
        )
    click.echo(
        "error: that of the layer's output for inputs of unit covariance, relative. No data was used and nothing was\n"
        "retrained: measure what the plan costs before you rely on it."
    )
    if out is None:
        click.echo("Add -o recipe.toml to write it as a recipe.")
    else:
        click.echo(one_line(f"Saved {out}. Run it: secateur prune {file} -o OUT --recipe {out}"))
