"""What `secateur evaluate` measures and says: as JSON, and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from pruner.checkpoint import Checkpoint
from pruner.cli.shared import one_line
from pruner.evaluation import Agreement, Evaluation, agreement, evaluate
from pruner.models import Description, Input, RandomInput, Runner
from pruner.progress import Progress

_MOST_OUTPUTS = 8


@dataclass(frozen=True)
class Cost:
    """What was measured: `evaluations` of one checkpoint or two, and how far their outputs agree on `batch`."""

    checkpoints: tuple[Checkpoint, ...]
    function: str | None
    description: Description
    evaluations: tuple[Evaluation, ...]
    batch: Sequence[Input]
    agreement: Agreement | None

    @property
    def names(self) -> tuple[str, ...]:
        """What tells the checkpoints apart: their files' names, or paths where those are the same."""
        short = tuple(one.path.name for one in self.checkpoints)
        return short if len(set(short)) == len(short) else tuple(str(one.path) for one in self.checkpoints)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What of a checkpoint did not go into the model as it is, with its name."""
        found = [
            f"{name}: {line}" for name, one in zip(self.names, self.evaluations, strict=False) for line in one.remarks
        ]
        return tuple(found) or (self.agreement.remarks if self.agreement else ())


def measured(
    runner: Runner,
    dense: Checkpoint,
    pruned: Checkpoint | None,
    batch: Sequence[Input],
    *,
    batches: int | None,
    strict: bool,
    progress: Progress | None,
) -> Cost:
    """Evaluate by the runner's function where it has one, and compare outputs where there is a batch."""
    description = runner.ready(progress)
    checkpoints = (dense,) if pruned is None else (dense, pruned)
    evaluations = [
        evaluate(runner, one, batches=batches, strict=strict, progress=progress)
        for one in checkpoints
        if runner.function is not None
    ]
    agreeing = None
    if pruned is not None and batch:
        agreeing = agreement(runner, (dense, None), (pruned, None), batch, strict=strict, progress=progress)
    return Cost(checkpoints, runner.function, description, tuple(evaluations), batch, agreeing)


def document(cost: Cost, better: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of what was measured; `better` says by metric (“” for all) whether higher or lower is."""
    return {
        "path": str(cost.checkpoints[0].path),
        "against": str(cost.checkpoints[1].path) if len(cost.checkpoints) > 1 else None,
        "model": cost.description.model,
        "evaluate": cost.function,
        "device": cost.description.device,
        "python": cost.description.python,
        "torch": cost.description.torch,
        "metrics": [
            {
                "name": name,
                "value": values[0],
                "against": values[1] if len(values) > 1 else None,
                "difference": _difference(values),
                "better": _which(name, better),
                "verdict": _verdict(values, _which(name, better)),
            }
            for name, values in _metrics(cost)
        ],
        "samples": [one.samples for one in cost.evaluations],
        "seconds": [round(one.seconds, 4) for one in cost.evaluations],
        "agreement": None
        if cost.agreement is None
        else {
            "inputs": [str(one) for one in cost.batch],
            "samples": cost.agreement.samples,
            "outputs": [asdict(one) for one in cost.agreement.outputs],
        },
        "remarks": list(cost.remarks),
    }


def print_cost(cost: Cost, better: Mapping[str, str]) -> None:
    """What was measured, for people."""
    for line in cost.remarks:
        click.echo(one_line(f"! {line}"))
    if cost.evaluations:
        _print_metrics(cost, better)
    if cost.agreement is not None:
        _print_agreement(cost.agreement, cost)
    if len(cost.checkpoints) > 1:
        click.echo("Nothing was retrained: this is what the weights do as they are.")


def _print_metrics(cost: Cost, better: Mapping[str, str]) -> None:
    rows: list[Sequence[str]] = [("", *cost.names, *(["difference", ""] if len(cost.evaluations) > 1 else []))]
    for name, values in _metrics(cost):
        row = [name, *(_number(value) for value in values)]
        if len(values) > 1:
            row += [_number(_difference(values), "+"), _verdict(values, _which(name, better)) or ""]
        rows.append(row)
    _print_table(rows)
    samples = dict.fromkeys(one.samples for one in cost.evaluations)
    on = " and ".join("an untold number of" if one is None else f"{one:,}" for one in samples)
    click.echo(
        one_line(f"Measured by {cost.function} on {on} samples, on {cost.description.device}, ")
        + " and ".join(f"{one.seconds:.2f} s" for one in cost.evaluations)
        + "."
    )


def _print_agreement(found: Agreement, cost: Cost) -> None:
    rows: list[Sequence[str]] = [("output", "relative error", "cosine", "top-1 agreement", "shape")]
    for one in found.outputs[:_MOST_OUTPUTS]:
        top1 = "-" if one.top1 is None else f"{100 * one.top1:.1f}%"
        shape = " × ".join(map(str, one.shape)) + ("" if one.finite else "  (not all finite)")
        rows.append((one.output, _number(one.relative_error), _number(one.cosine), top1, shape))
    _print_table(rows, text=(0, 4))
    if len(found.outputs) > _MOST_OUTPUTS:
        click.echo(f"… and {len(found.outputs) - _MOST_OUTPUTS} more outputs; --json has all.")
    batch = ", ".join(map(str, cost.batch))
    samples = "" if found.samples is None else f", {found.samples:,} sample{'s' * (found.samples != 1)}"
    click.echo(
        one_line(
            f"Outputs of {cost.names[1]} against {cost.names[0]} on {batch}{samples}, on {cost.description.device}."
        )
    )
    if any(isinstance(one, RandomInput) for one in cost.batch):
        click.echo("Random inputs tell how far outputs move, not how good they are.")


def _metrics(cost: Cost) -> list[tuple[str, list[float | None]]]:
    """Each metric's values in the checkpoints, in the function's order; None where a call did not give it."""
    names = dict.fromkeys(name for one in cost.evaluations for name in one.metrics)
    return [(name, [one.metrics.get(name) for one in cost.evaluations]) for name in names]


def _which(name: str, better: Mapping[str, str]) -> str | None:
    return better.get(name, better.get(""))


def _difference(values: Sequence[float | None]) -> float | None:
    if len(values) < 2 or values[0] is None or values[1] is None:
        return None
    return values[1] - values[0]


def _verdict(values: Sequence[float | None], which: str | None) -> str | None:
    """Whether the second value is better; None where there is no telling."""
    change = _difference(values)
    if which is None or change is None or math.isnan(change):
        return None
    return "same" if not change else "better" if (change > 0) == (which == "higher") else "worse"


def _number(value: float | None, sign: str = "") -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:{sign}.4g}".replace("-", "−") if value or not sign else "0"


def _print_table(rows: Sequence[Sequence[str]], text: Sequence[int] = (0,)) -> None:
    """Columns as wide as they have to be; those of `text` begin at the left, numbers end at the right."""
    clean = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in clean) for column in range(len(clean[0]))]
    for row in clean:
        cells = [
            cell.ljust(width) if column in text else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo(("  " + "  ".join(cells)).rstrip())
