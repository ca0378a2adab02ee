"""`secateur evaluate`: what a checkpoint is worth by a function of the user's, and what pruning cost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from pruner.cli.completing import devices, roots
from pruner.cli.costs import document, measured, print_cost
from pruner.cli.explaining import ExplainedCommand
from pruner.cli.parameters import json_object, last_wins
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_json, terminal_progress
from pruner.errors import PrunerError
from pruner.formats import open_checkpoint
from pruner.models import Input, ModelError, Runner, parse_input
from pruner.progress import Progress
from resources import demo_model

_BETTER = ("higher", "lower")
_DEMO = demo_model().with_name("digits.py")
_JSON = {
    "path, against": "The checkpoints; against is null where there is one.",
    "model, evaluate": "M and E; evaluate is null where only outputs were compared.",
    "device, python, torch": "Where the model was, and the versions that ran it.",
    "metrics": "A list: name, value, against, difference, better (higher or lower), and verdict (better, worse or "
    "same); null where it is not told.",
    "samples, seconds": "For each checkpoint, on how many samples E says it measured, and how long it took.",
    "agreement": "Inputs, samples, and a list of outputs: output, shape, relative_error, cosine, top1, finite. Null "
    "without --input.",
    "remarks": "What of a checkpoint did not go into the model as it is.",
}
_EXAMPLES = (
    ("what the bundled model is worth", "secateur evaluate --demo --json"),
    (
        "what pruning cost",
        "secateur evaluate model.pt --against pruned.pt --model model.py:build --evaluate model.py:loss --better lower",
    ),
    (
        "how far outputs moved, without data and labels",
        "secateur evaluate model.pt --against pruned.pt --model model.py:build --input 1,3,224,224",
    ),
)


def _better(text: str) -> tuple[str, str]:
    """[METRIC=]higher or lower; the last “=” parts them."""
    metric, _, which = text.rpartition("=")
    if which not in _BETTER:
        raise click.BadParameter(one_line(f"“{text}” is not higher, lower, or METRIC=lower"))
    return metric, which


def _input(text: str) -> Input:
    try:
        return parse_input(text)
    except PrunerError as error:
        raise click.BadParameter(one_line(str(error))) from None


@click.command(
    cls=ExplainedCommand, short_help="Evaluate a model with a checkpoint's weights.", examples=_EXAMPLES, json=_JSON
)
@click.argument("file", required=False, type=FILE_PATH)
@click.option("--model", metavar="M", help="What builds the model: FILE.py:FUNCTION or package.module:FUNCTION.")
@click.option(
    "--args",
    "--arguments",
    "arguments",
    type=json_object,
    metavar="JSON",
    help="Arguments of M by name, such as '{\"width\": 64}'.",
)
@click.option("--evaluate", "function", metavar="E", help="The function that evaluates, named as M is.")
@click.option("--batches", type=click.IntRange(min=1), metavar="N", help="Handed to E, which needs that argument.")
@click.option("--against", type=FILE_PATH, metavar="B", help="A second checkpoint, FILE pruned.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=_input,
    metavar="INPUT",
    help="Compare outputs on it: 1,3,224,224 (random), 1,128:30522 (random integers below 30522), or a file of "
    "tensors. Several are given to the model in this order.",
)
@click.option(
    "--better",
    multiple=True,
    type=_better,
    metavar="[METRIC=]higher|lower",
    help="Which way a metric is better; it is said of the difference.",
)
@click.option(
    "--device", default="cpu", show_default=True, shell_complete=devices, help="auto, cpu, cuda, cuda:N or mps."
)
@click.option("--python", metavar="PATH", help="Another interpreter, with a torch of its own.")
@click.option("--root", metavar="KEY", shell_complete=roots, help="Key of the dictionary that holds the weights.")
@click.option("--any-keys", is_flag=True, help="Go on where keys are missing, or are not in the model.")
@click.option("--demo", is_flag=True, help="The bundled model's own M and E, and FILE where none is given.")
@click.option("--traceback", is_flag=True, help="Where the user's code fails, print its traceback.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def evaluate(
    file: Path | None,
    model: str | None,
    arguments: Mapping[str, Any] | None,
    function: str | None,
    batches: int | None,
    against: Path | None,
    inputs: tuple[Input, ...],
    better: tuple[tuple[str, str], ...],
    device: str,
    python: str | None,
    root: str | None,
    any_keys: bool,
    demo: bool,
    traceback: bool,
    as_json: bool,
) -> None:
    """Build a model by M, give it FILE's weights, and call E on it.

    M gives a torch.nn.Module. E takes it and gives a number, or a dict of them
    (“samples” in it is on how many they were measured); arguments of E that are
    called device, batches or progress are given by name. Without E, --against
    with --input tells how far the outputs agree. Both run in a process of their
    own. Only they are run: nothing in a checkpoint ever is.
    """
    if demo:
        file, model, function = file or demo_model(), model or f"{_DEMO}:build", function or f"{_DEMO}:measure"
        better = better or (("accuracy", "higher"),)
    if file is None or model is None:
        raise click.UsageError("FILE and --model are needed, or --demo.")
    _require_whole(function, inputs, against, batches)
    progress = terminal_progress()
    try:
        told = partial(_tell, progress)
        with Runner(model, arguments, function=function, device=device, python=python, printed=told) as runner:
            dense = open_checkpoint(file, root)
            pruned = None if against is None else open_checkpoint(against, root)
            cost = measured(runner, dense, pruned, inputs, batches=batches, strict=not any_keys, progress=progress)
    except ModelError as error:
        end_progress(progress)
        if error.details and not traceback:
            raise PrunerError(f"{error} --traceback shows more.") from None
        click.echo(error.details, err=True, nl=bool(error.details))
        raise
    finally:
        end_progress(progress)
    if as_json:
        print_json(document(cost, last_wins(better)))
    else:
        print_cost(cost, last_wins(better))


def _require_whole(function: str | None, inputs: tuple[Input, ...], against: Path | None, batches: int | None) -> None:
    """Raise `click.UsageError` where there is nothing to measure, or something without a meaning."""
    if function is None and not inputs:
        raise click.UsageError(
            "Nothing to measure: add --evaluate with a function, or --against with --input to compare outputs."
        )
    if inputs and against is None:
        raise click.UsageError("--input compares the outputs of two checkpoints: add --against.")
    if batches is not None and function is None:
        raise click.UsageError("--batches is for the function that evaluates: add --evaluate.")


def _tell(progress: Progress | None, line: str) -> None:
    """What the user's code prints, as it comes."""
    end_progress(progress)
    click.echo(one_line(line), err=True)
