"""The report as CSV: one row a tensor."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from pruner.report.facts import Report, TensorFacts
from pruner.report.words import asked
from pruner.summaries import Figures

_RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_BOTH = {"min": "minimum", "max": "maximum", "mean": "mean", "std": "std", "l1": "l1", "l2": "l2"}


def table(report: Report) -> str:
    """The CSV of all tensors in the order of the file: UTF-8, a comma between cells, CR LF behind each row.

    Numbers are plain, with all their digits; what is not known is empty. Where there were several rounds their
    methods, amounts and scopes are joined by “; ”, and threshold and ties are the last one's. A text that a spreadsheet
    would take for a formula has an apostrophe before it.
    """
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(_COLUMNS)
    for one in report.tensors:
        writer.writerow([_cell(value(one)) for value in _COLUMNS.values()])
    return made.getvalue()


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_RISKY) else value
    return repr(value)


def _rounds(what: Callable[..., str]) -> Callable[[TensorFacts], str]:
    def joined(one: TensorFacts) -> str:
        return "; ".join(what(each) for each in one.pruning.rounds) if one.pruning is not None else ""

    return joined


def _figure(side: str, name: str) -> Callable[[TensorFacts], float | None]:
    def found(one: TensorFacts) -> float | None:
        figures: Figures | None = getattr(one, side)
        return None if figures is None else getattr(figures, name)

    return found


_COLUMNS: dict[str, Callable[[TensorFacts], str | float | None]] = {
    "name": lambda one: one.name,
    "module": lambda one: one.info.module,
    "kind": lambda one: one.info.kind,
    "shape": lambda one: "x".join(map(str, one.info.shape)),
    "dtype": lambda one: one.info.dtype,
    "elements": lambda one: one.numel,
    "rounds": lambda one: len(one.pruning.rounds) if one.pruning is not None else 0,
    "method": _rounds(lambda each: each.method.name),
    "amount": _rounds(lambda each: asked(each, "local")),
    "scope": _rounds(lambda each: each.scope),
    "pruned": lambda one: one.pruned,
    "threshold": lambda one: one.threshold,
    "ties": lambda one: one.pruning.rounds[-1].ties if one.pruning is not None else None,
    "zeros_before": lambda one: one.zeros_before,
    "zeros_after": lambda one: one.zeros,
    "sparsity_before": lambda one: one.sparsity_before,
    "sparsity_after": lambda one: one.sparsity,
    **{f"{short}_{side}": _figure(side, name) for short, name in _BOTH.items() for side in ("before", "after")},
    "l1_kept": lambda one: one.l1_kept,
    "l2_kept": lambda one: one.l2_kept,
    "nan": _figure("before", "nan"),
    "inf": _figure("before", "inf"),
    "dead_channels": lambda one: one.dead,
}
"""The columns' names, which stay, and their values."""
