"""What was done to a checkpoint, as JSON that is saved with it: Secateur's version, the form, rounds and counts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pruner.amount import Amount
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.methods import Method, Scope, make_method, options_of
from pruner.prune import Pruning, Round, TensorPruning

KEY = "secateur"
"""The key of the record in a container's metadata."""


def record_of(pruning: Pruning, form: str) -> str:
    """The record of a pruning that is saved in a form.

    `{"version", "form", "tensors": {name: {"numel", "pruned", "zeros_before", "zeros", "rounds": [{"method",
    "options", "amount", "target", "scope", "pruned", "threshold", "ties"}]}}}`; a threshold that is no finite number is
    a text. Of an option that names a file only the file's own name is told, not where it lay.
    """
    from pruner import __version__

    tensors = {
        name: {
            "numel": one.numel,
            "pruned": one.pruned,
            "zeros_before": one.zeros_before,
            "zeros": one.zeros,
            "rounds": [_round(done) for done in one.rounds],
        }
        for name, one in pruning.tensors.items()
    }
    record = {"version": __version__, "form": form, "tensors": tensors}
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def pruning_from(record: str, masks: Mapping[str, Mask]) -> Pruning:
    """The pruning that a record tells of, with these masks; raises `PrunerError` where they do not make sense."""
    try:
        told = json.loads(record)["tensors"]
        return Pruning({name: _tensor(name, told[name], mask) for name, mask in masks.items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PrunerError(f"the record of its pruning is damaged ({error!s:.80})") from error


def names_in(record: str) -> tuple[str, ...]:
    """The tensors that a record tells of, in its order; none where it is no record."""
    try:
        return tuple(json.loads(record)["tensors"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _round(done: Round) -> dict[str, Any]:
    threshold = done.threshold
    return {
        "method": done.method.name,
        "options": _options(done.method),
        "amount": done.amount.value,
        "target": done.amount.is_target,
        "scope": done.scope,
        "pruned": done.pruned,
        "threshold": threshold if threshold is None or math.isfinite(threshold) else str(threshold),
        "ties": done.ties,
    }


def _options(method: Method) -> dict[str, Any]:
    given = {one.name: getattr(method, one.name) for one in options_of(method)}
    return {name: Path(value).name if name == "file" else value for name, value in given.items()}


def _tensor(name: str, told: Mapping[str, Any], mask: Mask) -> TensorPruning:
    counts = [_count(told[key], mask.numel) for key in ("pruned", "zeros_before", "zeros")]
    if counts[0] != mask.pruned:
        raise ValueError(f"“{name}” has another mask than it tells of")
    rounds = tuple(_told_round(one, mask.numel) for one in told["rounds"])
    return TensorPruning(name, mask, rounds, counts[1], counts[2])


def _told_round(told: Mapping[str, Any], numel: int) -> Round:
    if told["scope"] not in get_args(Scope):
        raise ValueError("a round has no scope")
    threshold = None if told["threshold"] is None else float(told["threshold"])
    return Round(
        make_method(told["method"], told["options"]),
        Amount(told["amount"], is_target=bool(told["target"])),
        _count(told["pruned"], numel),
        threshold,
        _count(told["ties"], numel),
        told["scope"],
    )


def _count(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("a count is out of range")
    return value
