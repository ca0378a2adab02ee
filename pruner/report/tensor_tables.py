"""The page's tables of tensors."""

from __future__ import annotations

from pruner.report.cells import lines_of, name_of, table_of
from pruner.report.facts import Report, TensorFacts
from pruner.report.markup import Markup
from pruner.report.words import count, figure, percent, round_words, shape

_BOTH = (("Min", "minimum"), ("Max", "maximum"), ("Mean", "mean"), ("Std", "std"), ("L1", "l1"), ("L2", "l2"))


def pruned_table(report: Report) -> Markup:
    """What rounds took, with a row of sums."""
    total = report.total_pruned
    zeros = lines_of(count(total.zeros_before), count(total.zeros))
    sparsity = lines_of(percent(total.sparsity_before), percent(total.sparsity))
    sums = ("Total", "", "", count(total.numel), count(total.pruned), zeros, sparsity, "", "")
    heads = ("Tensor", "Shape", "Rounds", "Elements", "Pruned", lines_of("Zeros before", "after"))
    more = (lines_of("Sparsity before", "after"), "Threshold", lines_of("Dead", "channels"))
    return table_of((*heads, *more), map(_pruned, report.pruned), range(3, 9), sums)


def _pruned(one: TensorFacts) -> tuple[str, ...]:
    assert one.pruning is not None
    return (
        name_of(one.name),
        lines_of(shape(one.info.shape), one.info.dtype),
        lines_of(*map(round_words, one.pruning.rounds)),
        count(one.numel),
        count(one.pruned),
        lines_of(count(one.zeros_before), count(one.zeros)),
        lines_of(percent(one.sparsity_before), percent(one.sparsity)),
        figure(one.threshold),
        count(one.dead),
    )


def figures_table(report: Report) -> Markup:
    """Figures before, and after under them."""
    heads = ("Tensor", *(title for title, _ in _BOTH), lines_of("L1 kept", "L2 kept"), lines_of("NaN", "Inf"))
    return table_of(heads, map(_figures, report.pruned), range(1, 9))


def _figures(one: TensorFacts) -> tuple[str, ...]:
    sides = (one.before, one.after)
    pairs = (lines_of(*(figure(getattr(side, name, None)) for side in sides)) for _, name in _BOTH)
    counts = lines_of(count(getattr(one.before, "nan", None)), count(getattr(one.before, "inf", None)))
    return (name_of(one.name), *pairs, lines_of(percent(one.l1_kept), percent(one.l2_kept)), counts)


def left_table(report: Report) -> Markup:
    """The tensors that no round took."""
    heads = ("Tensor", "Kind", "Shape", "Type", "Elements", "Zeros", "Sparsity")
    rows = (
        (
            name_of(one.name),
            one.info.kind,
            shape(one.info.shape),
            one.info.dtype,
            count(one.numel),
            count(one.zeros),
            percent(one.sparsity),
        )
        for one in report.tensors
        if one.pruning is None
    )
    return table_of(heads, rows, range(4, 7))
