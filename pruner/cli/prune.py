"""`secateur prune`: prune and save."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.cli.shared import end_progress, one_line, print_json, size, terminal_progress
from pruner.errors import AmountTypeError, AmountValueError
from pruner.export import Saved, check_target, forms, save
from pruner.formats import open_checkpoint
from pruner.plan import Plan
from pruner.prune import Pruning
from pruner.prune import prune as run


class _PatternAmount(click.ParamType[tuple[str, Amount]]):
    """PATTERN=AMOUNT; the last “=” parts them, since names may hold one."""

    name = "PATTERN=AMOUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Amount]:
        pattern, sign, amount = str(value).rpartition("=")
        if not sign or not pattern:
            self.fail(f"“{value}” is not PATTERN=AMOUNT, such as '*.weight=30%'", param, ctx)
        try:
            return pattern, Amount.parse(amount)
        except (AmountTypeError, AmountValueError) as error:
            self.fail(str(error), param, ctx)


class _Size(click.ParamType[int]):
    """Bytes with a unit, as the Hugging Face libraries write them: 5GB is 5 · 10⁹, 5GiB is 5 · 2³⁰."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d+(?:\.\d+)?) *([kmgt]?)(i?)b?", str(value).strip().lower())
        nbytes = int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2] or " ")) if match else 0
        if nbytes < 1:
            self.fail(f"“{value}” is no size, such as 5GB or 500MB", param, ctx)
        return nbytes


@click.command(short_help="Prune and save.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file; its ending chooses.")
@click.option(
    "--amount",
    "amounts",
    multiple=True,
    required=True,
    type=_PatternAmount(),
    metavar="PATTERN=AMOUNT",
    help="How much of which tensors: '*.weight=30%' or 'fc.weight=1000'. The last match wins.",
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Tensors to leave as they are.")
@click.option("--shard-size", type=_Size(), metavar="SIZE", help="Save a folder of shards of at most 5GB, 500MB, …")
@click.option("--form", type=click.Choice(sorted(forms())), default="permanent", show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--root", metavar="KEY", help="Key of the dictionary that holds the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--force", is_flag=True, help="Replace OUT where it exists.")
def prune(
    file: Path,
    out: Path,
    amounts: tuple[tuple[str, Amount], ...],
    exclude: tuple[str, ...],
    shard_size: int | None,
    form: str,
    device: str,
    root: str | None,
    as_json: bool,
    force: bool,
) -> None:
    """Prune the elements with the smallest magnitudes of FILE's tensors, and save to OUT.

    An amount is a ratio (0.3, 30%) or a count (1000); 1 is one element, 1.0 and 100% are all.

    \b
    secateur prune model.pt -o pruned.pt --amount '*.weight=30%'
    secateur prune model.pt -o pruned.safetensors --amount '*=50%' --exclude 'head.*'
    secateur prune model.pt -o shards --shard-size 5GB --amount '*=50%'
    """
    checkpoint = open_checkpoint(file, root)
    check_target(checkpoint, out.absolute(), form, shard_bytes=shard_size, overwrite=force)
    plan = Plan.match(checkpoint, _last_wins(amounts), exclude=exclude)
    progress = terminal_progress()
    try:
        result = run(checkpoint, plan, device, progress)
        saved = save(checkpoint, result, out, form, overwrite=force, shard_bytes=shard_size, progress=progress)
    finally:
        end_progress(progress)
    if as_json:
        print_json(document(checkpoint, result, saved))
    else:
        _print(plan, result, saved)


def _last_wins(amounts: tuple[tuple[str, Amount], ...]) -> dict[str, Amount]:
    """Patterns in the order given; one that is given again counts at its last place."""
    ordered: dict[str, Amount] = {}
    for pattern, amount in amounts:
        ordered.pop(pattern, None)
        ordered[pattern] = amount
    return ordered


def document(checkpoint: Checkpoint, result: Pruning, saved: Saved) -> dict[str, Any]:
    """The JSON of what was pruned and saved."""
    tensors = []
    for name, one in result.tensors.items():
        last = one.rounds[-1]
        tensors.append(
            {
                "name": name,
                "method": last.method.name,
                "amount": last.amount.value,
                "numel": one.numel,
                "pruned": one.pruned,
                "zeros_before": one.zeros_before,
                "zeros": one.zeros,
                "threshold": last.threshold,
                "ties": last.ties,
            }
        )
    return {
        "out": str(saved.path),
        "form": saved.form,
        "format": saved.format,
        "device": result.device,
        "seconds": round(result.seconds + saved.seconds, 4),
        "tensors": tensors,
        "total": {
            "numel": sum(one.numel for one in result.tensors.values()),
            "pruned": sum(one.pruned for one in result.tensors.values()),
            "zeros": sum(one.zeros for one in result.tensors.values()),
            "bytes": saved.nbytes,
        },
        "warnings": [*checkpoint.warnings, *result.warnings, *saved.notes],
    }


def _print(plan: Plan, result: Pruning, saved: Saved) -> None:
    width = max(len(one_line(name)) for name in result)
    for name, one in result.tensors.items():
        threshold = one.rounds[-1].threshold
        cut = f"  threshold {threshold:.4g}" if threshold is not None else ""
        click.echo(f"  {one_line(name):{width}}  {one.pruned:>12,} of {one.numel:>12,} pruned{cut}")
    pruned, numel = (sum(getattr(one, what) for one in result.tensors.values()) for what in ("pruned", "numel"))
    click.echo(f"{pruned:,} of {numel:,} elements of {len(result)} tensors pruned on {result.device}.")
    if plan.passed_over:
        click.echo(f"{len(plan.passed_over)} tensors passed over: buffers, or not floating-point.")
    for line in (*result.warnings, *saved.notes):
        click.echo(one_line(f"! {line}"))
    click.echo(one_line(f"Saved {saved.path} ({saved.form} form, {size(saved.nbytes)})."))
