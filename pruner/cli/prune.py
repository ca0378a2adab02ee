"""`secateur prune`: prune and save."""

from __future__ import annotations

from pathlib import Path

import click

from pruner.amount import Amount
from pruner.cli.parameters import byte_size, last_wins, name_value, pattern_amount, pattern_sparsity
from pruner.cli.planning import Request, amounts_of, method_of
from pruner.cli.report import document, print_report
from pruner.cli.shared import end_progress, print_json, terminal_progress
from pruner.cli.teaching import TeachingCommand
from pruner.export import check_target, forms, save
from pruner.formats import open_checkpoint
from pruner.marks import stored_pruning
from pruner.methods import Scope, methods
from pruner.plan import DEFAULT_METHOD
from pruner.prune import DEFAULT_MEMORY
from pruner.prune import prune as run


@click.command(cls=TeachingCommand, short_help="Prune and save.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file; its ending chooses.")
@click.option(
    "--amount",
    "amounts",
    multiple=True,
    type=pattern_amount,
    metavar="PATTERN=AMOUNT",
    help="How much of which tensors: '*.weight=30%', 'fc.weight=1000', '*=to 80%'. The last match wins. "
    "Required by each method that takes an amount.",
)
@click.option("--tensors", multiple=True, metavar="PATTERN", help="Which tensors, for methods that take no amount.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Tensors to leave as they are.")
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
    metavar="PATTERN=SPARSITY",
    help="The least sparsity of tensors with --scope global: 'conv1.*=10%' or 0.1. The last match wins.",
)
@click.option(
    "--ceiling",
    "ceilings",
    multiple=True,
    type=pattern_sparsity,
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
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option(
    "--memory",
    type=byte_size,
    metavar="SIZE",
    default=f"{DEFAULT_MEMORY >> 20}MiB",
    show_default=True,
    help="How much of the numbers is held at a time: 2GB, 500MB, …",
)
@click.option("--root", metavar="KEY", help="Key of the dictionary that holds the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
def prune(
    file: Path,
    out: Path,
    amounts: tuple[tuple[str, Amount], ...],
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
    root: str | None,
    as_json: bool,
    force: bool,
) -> None:
    """Prune elements of FILE's tensors by a method, and save to OUT.

    An AMOUNT is a ratio (0.3, 30%), a count (1000) or a target (to 80%): the
    sparsity to arrive at. 1 is one element, 1.0 and 100% are all. A PATTERN is
    a shell pattern on the whole name of a tensor. FILE is never changed.
    """
    chosen = method_of(method, last_wins(options))
    given = amounts_of(chosen, last_wins(amounts), tensors)
    request = Request(chosen, scope, given, last_wins(floors), last_wins(ceilings), exclude)
    checkpoint = open_checkpoint(file, root)
    check_target(checkpoint, out.absolute(), form, shard_bytes=shard_size, overwrite=force, compress=compress)
    plan = request.plan(checkpoint)
    progress = terminal_progress()
    try:
        before = stored_pruning(checkpoint, memory)
        result = run(checkpoint, plan, device, progress, after=before, memory=memory)
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
    finally:
        end_progress(progress)
    if as_json:
        print_json(document(checkpoint, plan, result, saved))
    else:
        print_report(checkpoint, plan, result, saved)
