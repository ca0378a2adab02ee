"""`secateur diff`: two checkpoints side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pruner.cli.explaining import ExplainedCommand
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_json, terminal_progress
from pruner.diff import Comparison, Difference, compare
from pruner.formats import open_checkpoint

_JSON = {
    "equal": "Whether both hold the same keys in the same order, with the same values and types.",
    "added, removed": "Names that only B, or only A, has.",
    "renamed": "Pairs of names: what pruning calls a tensor in B (NAME_orig).",
    "tensors": "A list of those that differ: name, changed (elements), zeros in A and in B, max_abs_difference; shapes "
    "and dtypes where they differ (changed is null where shapes do).",
    "reordered": "Whether the order of the keys differs.",
}
_EXAMPLES = (
    ("what pruning has changed", "secateur diff model.pt pruned.pt"),
    ("for another program", "secateur diff model.pt pruned.safetensors --json"),
)


@click.command(cls=ExplainedCommand, short_help="Compare two checkpoints.", examples=_EXAMPLES, json=_JSON)
@click.argument("a", type=FILE_PATH)
@click.argument("b", type=FILE_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Compare the checkpoints A and B: keys, values, zeros.

    A tensor in the masked form is compared by the product of its original and its mask.
    """
    first, second = open_checkpoint(a), open_checkpoint(b)
    progress = terminal_progress()
    try:
        found = compare(first, second, progress)
    finally:
        end_progress(progress)
    if as_json:
        print_json(document(found))
    else:
        _print(found)


def document(found: Comparison) -> dict[str, Any]:
    """The JSON of a comparison."""
    return {
        "equal": found.equal,
        "added": list(found.added),
        "removed": list(found.removed),
        "renamed": [list(pair) for pair in found.renamed],
        "tensors": [_tensor(one) for one in found.tensors],
        "reordered": found.reordered,
    }


def _tensor(one: Difference) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": one.name,
        "changed": one.changed,
        "zeros": list(one.zeros),
        "max_abs_difference": one.max_abs_difference,
    }
    if one.shapes[0] != one.shapes[1]:
        made["shapes"] = [list(shape) for shape in one.shapes]
    if one.dtypes[0] != one.dtypes[1]:
        made["dtypes"] = list(one.dtypes)
    return made


def _print(found: Comparison) -> None:
    if found.equal:
        click.echo("Equal: the same keys in the same order, with the same values.")
        return
    for sign, names in (("+", found.added), ("−", found.removed)):
        for name in names:
            click.echo(one_line(f"{sign} {name}"))
    for old, new in found.renamed:
        click.echo(one_line(f"→ {old}  is now  {new}"))
    for one in found.tensors:
        if one.changed is None:
            click.echo(one_line(f"~ {one.name}  shape {one.shapes[0]} → {one.shapes[1]}"))
        else:
            click.echo(
                one_line(
                    f"~ {one.name}  {one.changed:,} changed, zeros {one.zeros[0]:,} → {one.zeros[1]:,}, "
                    f"largest difference {one.max_abs_difference:.4g}"
                )
            )
    if found.reordered:
        click.echo("The order of the keys differs.")
