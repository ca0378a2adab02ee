"""What `secateur prune` says it did: as JSON, and as text."""

from __future__ import annotations

import math
from typing import Any

import click

from pruner.checkpoint import Checkpoint
from pruner.cli.shared import one_line, size
from pruner.export import Saved
from pruner.methods import Method, described, options_of, takes_amount
from pruner.plan import Plan, is_candidate
from pruner.prune import Pruning, TensorPruning


def document(checkpoint: Checkpoint, plan: Plan, result: Pruning, saved: Saved) -> dict[str, Any]:
    """The JSON of what was pruned and saved."""
    return {
        "out": str(saved.path),
        "form": saved.form,
        "format": saved.format,
        "device": result.device,
        "seconds": round(result.seconds + saved.seconds, 4),
        "tensors": [_tensor(plan, one) for one in result.tensors.values()],
        "total": {
            "numel": _total(result, "numel"),
            "pruned": _total(result, "pruned"),
            "zeros": _total(result, "zeros"),
            "bytes": saved.nbytes,
        },
        "passed_over": list(plan.passed_over),
        "warnings": [*checkpoint.warnings, *result.warnings, *saved.notes],
    }


def _tensor(plan: Plan, one: TensorPruning) -> dict[str, Any]:
    last = one.rounds[-1]
    made: dict[str, Any] = {
        "name": one.name,
        "method": last.method.name,
        "options": _options(last.method),
        "scope": plan.scope,
        "amount": last.amount.value if takes_amount(last.method) else None,
        "numel": one.numel,
        "pruned": one.pruned,
        "zeros_before": one.zeros_before,
        "zeros": one.zeros,
        "threshold": last.threshold,
        "ties": last.ties,
    }
    if last.amount.is_target and takes_amount(last.method):
        made["target"] = True
    return made


def _options(method: Method) -> dict[str, Any]:
    """The method's options; a number that JSON lacks is a text that `--option` takes, such as “inf”."""
    values = {one.name: getattr(method, one.name) for one in options_of(method)}
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _total(result: Pruning, what: str) -> int:
    return sum(getattr(one, what) for one in result.tensors.values())


def print_report(checkpoint: Checkpoint, plan: Plan, result: Pruning, saved: Saved) -> None:
    """What was pruned and saved, for people."""
    method = next(iter(plan.steps.values())).method
    together = "all tensors together" if plan.scope == "global" else "each tensor by itself"
    click.echo(one_line(f"{described(method)}, {together} (scope {plan.scope}):"))
    width = max(len(one_line(name)) for name in result)
    for name, one in result.tensors.items():
        threshold = one.rounds[-1].threshold
        cut = f"  threshold {threshold:.4g}" if threshold is not None else ""
        counts = f"{one.pruned:>12,} of {one.numel:>12,} pruned  sparsity {_sparsity(one.zeros, one.numel):>7}"
        click.echo(f"  {one_line(name):{width}}  {counts}{cut}")
    pruned, numel, zeros = (_total(result, what) for what in ("pruned", "numel", "zeros"))
    click.echo(
        f"{pruned:,} of {numel:,} elements of {_tensors(len(result))} pruned on {result.device}; "
        f"sparsity {_sparsity(zeros, numel)}."
    )
    _print_passed_over(checkpoint, plan, method)
    for line in (*checkpoint.warnings, *result.warnings, *saved.notes):
        click.echo(one_line(f"! {line}"))
    click.echo(one_line(f"Saved {saved.path} ({saved.form} form, {size(saved.nbytes)})."))


def _print_passed_over(checkpoint: Checkpoint, plan: Plan, method: Method) -> None:
    unfit = [name for name in plan.passed_over if is_candidate(checkpoint[name])]
    others = len(plan.passed_over) - len(unfit)
    if unfit:
        one = f"“{unfit[0]}”: {method.unfit(checkpoint[unfit[0]])}"
        such = ", such as" if len(unfit) > 1 else ":"
        click.echo(one_line(f"{_tensors(len(unfit))} passed over that {method.title} does not fit{such} {one}."))
    if others:
        click.echo(f"{_tensors(others)} passed over: buffers, or not floating-point.")


def _sparsity(zeros: int, numel: int) -> str:
    return f"{100 * zeros / numel:.2f}%" if numel else "-"


def _tensors(count: int) -> str:
    return f"{count:,} tensor{'s' * (count != 1)}"
