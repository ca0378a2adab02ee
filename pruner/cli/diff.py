"""`secateur diff`: two checkpoints side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pruner.cli.explaining import ExplainedCommand
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_json, terminal_progress
from pruner.diff import Comparison, compare
from pruner.formats import open_checkpoint
from pruner.pairs import Agreement, Difference

_JSON = {
    "equal": "Whether both hold the same keys in the same order, with the same values and types.",
    "added, removed": "Names that only B, or only A, has.",
    "renamed": "Pairs of names: what pruning calls a tensor in B (NAME_orig), or in A.",
    "tensors": "A list of those that differ: name, changed (elements), zeros in A and in B, max_abs_difference and its "
    "index, relative_difference, mean_difference, cosine, masks (elements that both keep, both prune, or one prunes; "
    "agreement, jaccard); names, shapes and dtypes where they differ (changed is null where shapes do).",
    "reordered": "Whether the order of the keys differs.",
    "prefixes, folded, matched": "The prefixes of A and of B that were folded, whether names differ by a prefix or a "
    "wrapper, and how many tensors both have.",
}
_EXAMPLES = (
    ("what pruning has changed", "secateur diff model.pt pruned.pt"),
    ("a model and its average", "secateur diff run.pt run.pt --root-a model --root-b ema_state_dict"),
    ("for another program", "secateur diff model.pt pruned.safetensors --json"),
)


@click.command(cls=ExplainedCommand, short_help="Compare two checkpoints.", examples=_EXAMPLES, json=_JSON)
@click.argument("a", type=FILE_PATH)
@click.argument("b", type=FILE_PATH)
@click.option("--root-a", metavar="KEY", help="Key of the dictionary in A that holds the weights.")
@click.option("--root-b", metavar="KEY", help="Key of the dictionary in B that holds the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def diff(a: Path, b: Path, root_a: str | None, root_b: str | None, as_json: bool) -> None:
    """Compare the checkpoints A and B: keys, values, zeros, masks.

    Names that differ by a prefix, such as module., belong together. A tensor in the masked form is compared with one
    that is not by the product of its original and its mask. An element counts as pruned by the masks of both files,
    where both have one, and else where it is 0.
    """
    progress = terminal_progress()
    try:
        found = compare(open_checkpoint(a, root_a), open_checkpoint(b, root_b), progress)
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
        "prefixes": list(found.prefixes),
        "folded": found.folded,
        "matched": found.matched,
    }


def _tensor(one: Difference) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": one.name,
        "changed": one.changed,
        "zeros": list(one.zeros),
        "max_abs_difference": one.max_abs_difference,
        "index": None if one.where is None else list(one.where),
        "relative_difference": one.relative,
        "mean_difference": one.mean,
        "cosine": one.cosine,
        "masks": None if one.masks is None else _masks(one.masks),
    }
    if one.names[0] != one.names[1]:
        made["names"] = list(one.names)
    if one.shapes[0] != one.shapes[1]:
        made["shapes"] = [list(shape) for shape in one.shapes]
    if one.dtypes[0] != one.dtypes[1]:
        made["dtypes"] = list(one.dtypes)
    return made


def _masks(found: Agreement) -> dict[str, Any]:
    return {
        "both_kept": found.both_kept,
        "both_pruned": found.both_pruned,
        "pruned_only_in_a": found.only_a,
        "pruned_only_in_b": found.only_b,
        "agreement": found.share,
        "jaccard": found.jaccard,
    }


def _print(found: Comparison) -> None:
    if found.equal:
        click.echo("Equal: the same keys in the same order, with the same values.")
        return
    for prefix, whose in zip(found.prefixes, "AB", strict=True):
        if prefix:
            click.echo(one_line(f"prefix {prefix} of {whose} folded"))
    for sign, names in (("+", found.added), ("−", found.removed)):
        for name in names:
            click.echo(one_line(f"{sign} {name}"))
    for old, new in found.renamed:
        click.echo(one_line(f"→ {old}  is now  {new}"))
    for one in found.tensors:
        click.echo(one_line(f"~ {one.name}  {_line(one)}"))
    if found.reordered:
        click.echo("The order of the keys differs.")
    if not (found.tensors or found.added or found.removed):
        click.echo("The values are equal.")


def _line(one: Difference) -> str:
    """What differs of a tensor."""
    if one.changed is None:
        return f"shape {one.shapes[0]} → {one.shapes[1]}"
    types = [f"{one.dtypes[0]} → {one.dtypes[1]}"] if one.dtypes[0] != one.dtypes[1] else []
    if not one.changed:
        return ", ".join([*types, "equal values"])
    parts = [
        *types,
        f"{one.changed:,} changed",
        f"zeros {one.zeros[0]:,} → {one.zeros[1]:,}",
        f"largest difference {one.max_abs_difference:.4g} at {list(one.where or ())}",
        "relative –" if one.relative is None else f"relative {one.relative:.4g}",
        "cosine –" if one.cosine is None else f"cosine {one.cosine:.6f}",
    ]
    if one.masks is not None and one.masks.jaccard is not None:
        parts.append(f"masks agree on {one.masks.share:.2%}, Jaccard {one.masks.jaccard:.3f}")
    return ", ".join(parts)
