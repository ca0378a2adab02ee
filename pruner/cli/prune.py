"""`secateur prune`: prune and save."""

from __future__ import annotations

from pathlib import Path

import click

from pruner.amount import Amount
from pruner.cli.completing import devices, method_options, roots, tensor_names
from pruner.cli.outputs import require_free
from pruner.cli.parameters import byte_size, last_wins, name_value, pattern_amount, pattern_sparsity
from pruner.cli.pipes import FILE_PATH, FilePath
from pruner.cli.planning import alone, amounts_of, asked_for, method_of
from pruner.cli.recipes import plans_of
from pruner.cli.report import document, print_report
from pruner.cli.reports import require_report_names, require_reports_free
from pruner.cli.scripts import write_script
from pruner.cli.shared import end_progress, one_line, print_json, terminal_progress
from pruner.cli.teaching import TeachingCommand
from pruner.export import check_target, forms, save
from pruner.formats import open_checkpoint
from pruner.marks import stored_pruning
from pruner.methods import Scope, methods
from pruner.plan import DEFAULT_METHOD
from pruner.prune import DEFAULT_MEMORY, prune_rounds
from pruner.python_out.calls import Style
from pruner.python_out.script import GOALS, STYLES, Goal, script
from pruner.recipes.recipe import Recipe
from pruner.report import write_reports

_SAID_BY_A_RECIPE = ("amounts", "tensors", "exclude", "method", "options", "scope", "floors", "ceilings")


@click.command(cls=TeachingCommand, short_help="Prune and save.")
@click.argument("file", type=FILE_PATH)
@click.option("-o", "--out", required=True, type=FILE_PATH, help="The new file; its ending chooses.")
@click.option(
    "--amount",
    "amounts",
    multiple=True,
    type=pattern_amount,
    shell_complete=tensor_names("="),
    metavar="PATTERN=AMOUNT",
    help="How much of which tensors: '*.weight=30%', 'fc.weight=1000', '*=to 80%'. The last match wins. "
    "Required by each method that takes an amount.",
)
@click.option(
    "--recipe",
    "recipe_file",
    type=FILE_PATH,
    metavar="FILE",
    help="Run the rounds of a recipe (TOML), in place of --amount, --method and what goes with them.",
)
@click.option(
    "--tensors",
    multiple=True,
    metavar="PATTERN",
    shell_complete=tensor_names(),
    help="Which tensors, for methods that take no amount.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    shell_complete=tensor_names(),
    help="Tensors to leave as they are.",
)
@click.option(
    "--method",
    type=click.Choice(list(methods())),
    metavar="NAME",
    default=DEFAULT_METHOD.name,
    show_default=True,
    help="How elements are chosen; the methods are listed below.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    type=name_value,
    shell_complete=method_options,
    metavar="NAME=VALUE",
    help="An option of the method, such as dim=1.",
)
@click.option(
    "--scope",
    type=click.Choice(["local", "global"]),
    default="local",
    show_default=True,
    help="Amounts count in each tensor, or one over all together.",
)
@click.option(
    "--floor",
    "floors",
    multiple=True,
    type=pattern_sparsity,
    shell_complete=tensor_names("="),
    metavar="PATTERN=SPARSITY",
    help="The least sparsity of tensors with --scope global: 'conv1.*=10%' or 0.1. The last match wins.",
)
@click.option(
    "--ceiling",
    "ceilings",
    multiple=True,
    type=pattern_sparsity,
    shell_complete=tensor_names("="),
    metavar="PATTERN=SPARSITY",
    help="The most sparsity of tensors with --scope global.",
)
@click.option(
    "--form",
    type=click.Choice(sorted(forms())),
    default="permanent",
    show_default=True,
    help="permanent: pruned values are 0. masked: NAME_orig and NAME_mask, as torch has them while pruning is on. "
    "masks: the masks alone. reversible: original values, with masks and rounds that Secateur opens again.",
)
@click.option("--compress", is_flag=True, help="Deflate what is in a .pt wherever that makes it smaller.")
@click.option("--shard-size", type=byte_size, metavar="SIZE", help="Save a folder of shards of at most 5GB, 500MB, …")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    shell_complete=devices,
    help="auto, cpu, cuda, cuda:N or mps.",
)
@click.option(
    "--memory",
    type=byte_size,
    metavar="SIZE",
    default=f"{DEFAULT_MEMORY >> 20}MiB",
    show_default=True,
    help="How much of the numbers is held at a time: 2GB, 500MB, …",
)
@click.option(
    "--script",
    "script_file",
    type=FilePath(dir_okay=False),
    metavar="FILE",
    help="Write Python for plain torch that does the same, and loads OUT.",
)
@click.option(
    "--script-style",
    "style",
    type=click.Choice(list(STYLES)),
    default="function",
    show_default=True,
    help="prune.l1_unstructured(…), or prune.L1Unstructured.apply(…): both do the same.",
)
@click.option(
    "--script-for",
    "goal",
    type=click.Choice(list(GOALS)),
    default="module",
    show_default=True,
    help="A live module, or the file's state_dict.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=FILE_PATH,
    metavar="FILE",
    help="Write what was pruned, with hashes, figures and pictures, as a page (.html) or a table (.csv).",
)
@click.option("--root", metavar="KEY", shell_complete=roots, help="Key of the dictionary that holds the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--force", is_flag=True, help="Replace OUT, and other files to write, where they exist.")
@click.pass_context
def prune(
    context: click.Context,
    file: Path,
    out: Path,
    amounts: tuple[tuple[str, Amount], ...],
    recipe_file: Path | None,
    tensors: tuple[str, ...],
    exclude: tuple[str, ...],
    method: str,
    options: tuple[tuple[str, str], ...],
    scope: Scope,
    floors: tuple[tuple[str, float], ...],
    ceilings: tuple[tuple[str, float], ...],
    form: str,
    compress: bool,
    shard_size: int | None,
    device: str,
    memory: int,
    script_file: Path | None,
    style: Style,
    goal: Goal,
    reports: tuple[Path, ...],
    root: str | None,
    as_json: bool,
    force: bool,
) -> None:
    """Prune elements of FILE's tensors by a method, and save to OUT.

    An AMOUNT is a ratio (0.3, 30%), a count (1000) or a target (to 80%): the
    sparsity to arrive at. 1 is one element, 1.0 and 100% are all. A PATTERN is
    a shell pattern on the whole name of a tensor. FILE is never changed.
    """
    require_report_names(reports)
    if recipe_file is not None:
        alone(context, "--recipe", _SAID_BY_A_RECIPE)
        recipe = Recipe.read(recipe_file)
    else:
        chosen = method_of(method, last_wins(options))
        given = amounts_of(chosen, last_wins(amounts), tensors)
        asked = asked_for(chosen, scope, given, last_wins(floors), last_wins(ceilings), exclude)
    checkpoint = open_checkpoint(file, root)
    check_target(checkpoint, out.absolute(), form, shard_bytes=shard_size, overwrite=force, compress=compress)
    if script_file is not None:
        require_free(script_file, (file, out), force)
    require_reports_free(checkpoint, reports, [out, *([script_file] if script_file is not None else [])], force)
    plans = plans_of(recipe, checkpoint) if recipe_file is not None else (asked.plan(checkpoint),)
    progress, text = terminal_progress(), ""
    try:
        before = stored_pruning(checkpoint, memory)
        result = prune_rounds(checkpoint, plans, device, progress, after=before, memory=memory)
        if script_file is not None:
            text = script(checkpoint, plans, result, style=style, goal=goal)
        saved = save(
            checkpoint,
            result,
            out,
            form,
            overwrite=force,
            shard_bytes=shard_size,
            compress=compress,
            progress=progress,
        )
        if script_file is not None:
            write_script(script_file, text, saved)
        if reports:
            write_reports(checkpoint, result, reports, saved, progress=progress)
    finally:
        end_progress(progress)
    if as_json:
        told = {"reports": [str(path) for path in reports]} if reports else {}
        print_json(document(checkpoint, result, saved) | told)
    else:
        print_report(checkpoint, result, saved)
        for path in reports:
            click.echo(one_line(f"Wrote {path}."))
