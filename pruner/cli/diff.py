"""`secateur diff`: two checkpoints side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pruner.cli.shared import one_line, print_json
from pruner.diff import Comparison, Difference, compare
from pruner.formats import open_checkpoint


@click.command(short_help="Compare two checkpoints.")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Compare the checkpoints A and B: keys, values, zeros.

    A tensor in the masked form is compared by the product of its original and its mask.

    \b
    secateur diff model.pt pruned.pt
    """
    found = compare(open_checkpoint(a), open_checkpoint(b))
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
