"""The help of `secateur prune`: what is in the registry of methods, what `--json` prints, and examples."""

from __future__ import annotations

from typing import Any

import click

from pruner.cli.explaining import ExplainedCommand
from pruner.methods import Method, Option, methods, options_of, scopes_of, takes_amount
from pruner.plan import DEFAULT_METHOD

_KINDS: dict[type, str] = {int: "INTEGER", float: "NUMBER", str: "TEXT"}

_EXAMPLES = (
    ("30% of each weight", "-o pruned.pt --amount '*.weight=30%'"),
    ("half of everything but the head", "-o pruned.pt --amount '*=50%' --exclude 'head.*'"),
    ("until 80% of each weight is zero, zeros in the file included", "-o pruned.pt --amount '*.weight=to 80%'"),
    (
        "half of all weights together, but no tensor above 90%",
        "-o pruned.pt --scope global --amount '*.weight=50%' --ceiling '*=90%'",
    ),
    ("2:4, as sparse tensor cores take it", "-o pruned.pt --method n_m --tensors 'encoder.*.weight'"),
    (
        "a quarter of the input channels, by the sum of magnitudes",
        "-o pruned.pt --method ln_structured --option n=1 --option dim=1 --amount 'conv*.weight=25%'",
    ),
    (
        "a mask made elsewhere",
        "-o pruned.pt --method custom_from_mask --option file=masks.pt --tensors '*.weight'",
    ),
    (
        "the lowest scores, computed elsewhere",
        "-o pruned.pt --method scores --option file=scores.pt --amount '*.weight=30%'",
    ),
    ("the rounds of a recipe", "-o pruned.pt --recipe recipe.toml"),
    ("the same in Python", "-o pruned.pt --amount '*.weight=30%' --script prune.py --script-style class"),
    (
        "a page and a table of what was pruned",
        "-o pruned.pt --amount '*.weight=30%' --report report.html --report report.csv",
    ),
    ("shards of at most 5 GB", "-o shards --shard-size 5GB --amount '*=50%'"),
)


_JSON = {
    "out, form, format": "What was saved: the path, the form, and the name of the container.",
    "device, seconds": "Where the last round ran, and how long pruning and saving took.",
    "tensors": "A list: name, numel, pruned, zeros_before, zeros; of the last round its method, options, scope, "
    "amount (null for methods without one; “target” is true where it is one), threshold and ties; rounds has these of "
    "every round.",
    "total": "numel, pruned and zeros of these tensors together, and the bytes that were written.",
    "passed_over": "Names that patterns matched and that were not pruned: buffers, integers, what does not fit.",
    "warnings": "Sentences for people.",
    "reports": "The files that --report wrote; only where it is given.",
}


class TeachingCommand(ExplainedCommand):
    """A command whose help goes on to the pruning methods, each with its options, to JSON and examples."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        examples = [(what, f"secateur prune model.pt {options}") for what, options in _EXAMPLES]
        super().__init__(*arguments, examples=examples, json=_JSON, **more)

    def format_more(self, formatter: click.HelpFormatter) -> None:
        """Write the methods."""
        with formatter.section("Methods"):
            for place, method in enumerate(methods().values()):
                if place:
                    formatter.write_paragraph()
                _write_method(formatter, method)


def _write_method(formatter: click.HelpFormatter, method: type[Method]) -> None:
    default = ", the default" if method.name == DEFAULT_METHOD.name else ""
    formatter.write_text(f"{method.name} ({method.title}{default})")
    formatter.indent()
    formatter.write_text(method.about)
    chosen_by = "--amount PATTERN=AMOUNT" if takes_amount(method) else "--tensors PATTERN in place of --amount"
    formatter.write_text(f"{chosen_by}; scope {' or '.join(scopes_of(method))}.")
    if rows := [_row(one) for one in options_of(method)]:
        formatter.write_dl(rows, col_max=26)
    formatter.dedent()


def _row(one: Option) -> tuple[str, str]:
    default = "required" if one.default is None else f"default: {one.default}"
    return f"--option {one.name}={_KINDS.get(one.type, 'VALUE')}", f"{one.title}: {one.about}  [{default}]"
