"""`secateur inspect`: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.cli.completing import roots
from pruner.cli.explaining import ExplainedCommand
from pruner.cli.pipes import FILE_PATH
from pruner.cli.shared import end_progress, one_line, print_json, size, terminal_progress
from pruner.formats import open_checkpoint
from pruner.progress import within

_STATS = {
    "zeros": "zeros",
    "min": "minimum",
    "max": "maximum",
    "mean": "mean",
    "std": "std",
    "l1": "l1",
    "nan": "nan",
    "inf": "inf",
    "distinct": "distinct",
}


_JSON = {
    "path, format, root": "What was opened, the name of its container, and the key of the weights in it.",
    "roots": "All keys of dictionaries that hold weights.",
    "modules": "A list: name, and type, which is null where the file does not tell it.",
    "tensors": "A list: name, module, kind (parameter, buffer, or tensor where the file does not tell), shape, dtype, "
    "numel, nbytes, shares_storage_with; with --stats also zeros, min, max, mean, std, l1, nan, inf, distinct.",
    "others, metadata": "The keys beside the weights.",
    "globals": "What loading the file by pickle would use: name, verdict (plain, code or dangerous) and why.",
    "warnings": "Sentences for people.",
}
_EXAMPLES = (
    ("what is in a file", "secateur inspect model.pt"),
    ("with figures, for another program", "secateur inspect model.safetensors --stats --json"),
    ("the weights under another key of a training checkpoint", "secateur inspect run.pt --root ema_state_dict"),
)


@click.command(cls=ExplainedCommand, short_help="List modules and tensors.", examples=_EXAMPLES, json=_JSON)
@click.argument("file", type=FILE_PATH)
@click.option("--stats", is_flag=True, help="Read the numbers: zeros, min, max, mean, std, L1, NaN, Inf, distinct.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--root", metavar="KEY", shell_complete=roots, help="Key of the dictionary that holds the weights.")
def inspect(file: Path, stats: bool, as_json: bool, root: str | None) -> None:
    """List the modules and tensors of FILE (or of a folder of shards), without running anything in it."""
    checkpoint = open_checkpoint(file, root)
    found = _stats(checkpoint) if stats else {}
    if as_json:
        print_json(document(checkpoint, found))
    else:
        _print(checkpoint, found)


def document(checkpoint: Checkpoint, stats: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The JSON of a listing; `stats` adds figures to tensors."""
    return {
        "path": str(checkpoint.path),
        "format": checkpoint.format,
        "root": checkpoint.root,
        "roots": list(checkpoint.roots),
        "modules": [asdict(module) for module in checkpoint.modules],
        "tensors": [_tensor(info) | stats.get(name, {}) for name, info in checkpoint.tensors.items()],
        "others": list(checkpoint.others),
        "globals": [asdict(one) for one in checkpoint.globals],
        "warnings": list(checkpoint.warnings),
    }


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "module": info.module,
        "kind": info.kind,
        "shape": list(info.shape),
        "dtype": info.dtype,
        "numel": info.numel,
        "nbytes": info.nbytes,
        "shares_storage_with": list(info.shares_storage_with),
    }


def _stats(checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    from pruner.summaries import figures

    progress = terminal_progress()
    found: dict[str, dict[str, Any]] = {}
    readable = [info for info in checkpoint.tensors.values() if info.readable]
    done, total = 0, sum(info.nbytes for info in readable)
    try:
        for info in readable:
            measured = figures(checkpoint, info.name, progress=within(progress, done, total))
            found[info.name] = {key: getattr(measured, value) for key, value in _STATS.items()}
            done += info.nbytes
    finally:
        end_progress(progress)
    return found


def _print(checkpoint: Checkpoint, stats: dict[str, dict[str, Any]]) -> None:
    click.echo(one_line(f"{checkpoint.path}"))
    where = f", weights under “{checkpoint.root}”" if checkpoint.root else ""
    click.echo(
        f"{checkpoint.format}{one_line(where)}: {len(checkpoint.tensors)} tensors, {checkpoint.numel:,} elements, "
        f"{size(checkpoint.file_bytes)}"
    )
    rows = [("name", "kind", "type", "shape", "elements", *(_STATS if stats else ()))]
    for name, info in checkpoint.tensors.items():
        shape = " × ".join(map(str, info.shape)) or "scalar"
        figures = [_figure(stats.get(name, {}).get(key)) for key in _STATS] if stats else []
        rows.append((one_line(name), info.kind, info.dtype, shape, f"{info.numel:,}", *figures))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < 4 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  " + "  ".join(cells).rstrip())
    for line in checkpoint.warnings:
        click.echo(one_line(f"! {line}"))
    if checkpoint.others:
        click.echo(one_line(f"beside the weights: {', '.join(checkpoint.others)}"))
    if len(checkpoint.roots) > 1:
        click.echo(one_line(f"weights are also under: {', '.join(_other_roots(checkpoint))} (--root)"))
    _print_globals(checkpoint)


def _other_roots(checkpoint: Checkpoint) -> list[str]:
    return [f"“{root}”" for root in checkpoint.roots if root != checkpoint.root]


def _print_globals(checkpoint: Checkpoint) -> None:
    """What loading the file by pickle would run, the worst first; what only builds data is counted."""
    plain = sum(one.verdict == "plain" for one in checkpoint.globals)
    for verdict, sign in (("dangerous", "!!"), ("code", "!")):
        for one in checkpoint.globals:
            if one.verdict == verdict:
                click.echo(one_line(f"{sign} names {one.name}: {one.why}"))
    if checkpoint.globals:
        click.echo(f"loading it by pickle would also use {plain} classes and functions that only build data")


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
