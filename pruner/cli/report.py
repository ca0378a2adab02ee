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
from pruner.prune import Pruning, Round, TensorPruning
from pruner.words import counted


def document(checkpoint: Checkpoint, result: Pruning, saved: Saved) -> dict[str, Any]:
    """The JSON of what was pruned and saved."""
    return {
        "out": str(saved.path),
        "form": saved.form,
        "format": saved.format,
        "device": result.device,
        "seconds": round(result.seconds + saved.seconds, 4),
        "tensors": [_tensor(one) for one in result.tensors.values()],
        "total": {
            "numel": _total(result, "numel"),
            "pruned": _total(result, "pruned"),
            "zeros": _total(result, "zeros"),
            "bytes": saved.nbytes,
        },
        "passed_over": _passed_over(result),
        "warnings": [*checkpoint.warnings, *result.warnings, *saved.notes],
    }


def _tensor(one: TensorPruning) -> dict[str, Any]:
    """A tensor with its last round, and all of them."""
    counts = {"numel": one.numel, "pruned": one.pruned, "zeros_before": one.zeros_before, "zeros": one.zeros}
    return {"name": one.name, **_round(one.rounds[-1]), **counts, "rounds": [_round(each) for each in one.rounds]}


def _round(one: Round) -> dict[str, Any]:
    made: dict[str, Any] = {
        "method": one.method.name,
        "options": _options(one.method),
        "scope": one.scope,
        "amount": one.amount.value if takes_amount(one.method) else None,
        "pruned": one.pruned,
        "threshold": one.threshold,
        "ties": one.ties,
    }
    if one.amount.is_target and takes_amount(one.method):
        made["target"] = True
    return made


def _passed_over(result: Pruning) -> list[str]:
    """What patterns matched and no round pruned."""
    return list(dict.fromkeys(name for plan in result.plans for name in plan.passed_over if name not in result))


def _options(method: Method) -> dict[str, Any]:
    """The method's options; a number that JSON lacks is a text that `--option` takes, such as “inf”."""
    values = {one.name: getattr(method, one.name) for one in options_of(method)}
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _total(result: Pruning, what: str) -> int:
    return sum(getattr(one, what) for one in result.tensors.values())


def print_report(checkpoint: Checkpoint, result: Pruning, saved: Saved) -> None:
    """What was pruned and saved, for people."""
    for number, plan in enumerate(result.plans, start=1):
        together = "all tensors together" if plan.scope == "global" else "each tensor by itself"
        which = f"Round {number}: " if len(result.plans) > 1 else ""
        click.echo(one_line(f"{which}{described(_method(plan))}, {together} (scope {plan.scope}):"))
    width = max(len(one_line(name)) for name in result)
    for name, one in result.tensors.items():
        threshold = one.rounds[-1].threshold
        cut = f"  threshold {threshold:.4g}" if threshold is not None else ""
        counts = f"{one.pruned:>12,} of {one.numel:>12,} pruned  sparsity {_sparsity(one.zeros, one.numel):>7}"
        click.echo(f"  {one_line(name):{width}}  {counts}{cut}")
    pruned, numel, zeros = (_total(result, what) for what in ("pruned", "numel", "zeros"))
    click.echo(
        f"{pruned:,} of {numel:,} elements of {counted(len(result), 'tensor')} pruned on {result.device}; "
        f"sparsity {_sparsity(zeros, numel)}."
    )
    _print_passed_over(checkpoint, result)
    for line in (*checkpoint.warnings, *result.warnings, *saved.notes):
        click.echo(one_line(f"! {line}"))
    click.echo(one_line(f"Saved {saved.path} ({saved.form} form, {size(saved.nbytes)})."))


def _print_passed_over(checkpoint: Checkpoint, result: Pruning) -> None:
    names = _passed_over(result)
    unfit = [name for name in names if is_candidate(checkpoint[name])]
    others = len(names) - len(unfit)
    if unfit:
        method = next(_method(plan) for plan in result.plans if unfit[0] in plan.passed_over)
        one = f"“{unfit[0]}”: {method.unfit(checkpoint[unfit[0]])}"
        such = ", such as" if len(unfit) > 1 else ":"
        click.echo(
            one_line(f"{counted(len(unfit), 'tensor')} passed over that {method.title} does not fit{such} {one}.")
        )
    if others:
        click.echo(f"{counted(others, 'tensor')} passed over: buffers, or not floating-point.")


def _method(plan: Plan) -> Method:
    return next(iter(plan.steps.values())).method


def _sparsity(zeros: int, numel: int) -> str:
    return f"{100 * zeros / numel:.2f}%" if numel else "-"
