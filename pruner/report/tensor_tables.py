"""The page's tables of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pruner.report.facts import Report, TensorFacts
from pruner.report.markup import Markup, element, joined
from pruner.report.words import count, figure, percent, round_words, shape

_BOTH = (("Min", "minimum"), ("Max", "maximum"), ("Mean", "mean"), ("Std", "std"), ("L1", "l1"), ("L2", "l2"))


def pruned_table(report: Report) -> Markup:
    """What rounds took, with a row of sums."""
    total = report.total_pruned
    zeros = _lines(count(total.zeros_before), count(total.zeros))
    sparsity = _lines(percent(total.sparsity_before), percent(total.sparsity))
    sums = ("Total", "", "", count(total.numel), count(total.pruned), zeros, sparsity, "", "")
    heads = ("Tensor", "Shape", "Rounds", "Elements", "Pruned", _lines("Zeros before", "after"))
    more = (_lines("Sparsity before", "after"), "Threshold", _lines("Dead", "channels"))
    return _table((*heads, *more), map(_pruned, report.pruned), 3, sums)


def _pruned(one: TensorFacts) -> tuple[str, ...]:
    assert one.pruning is not None
    return (
        _name(one.name),
        _lines(shape(one.info.shape), one.info.dtype),
        _lines(*map(round_words, one.pruning.rounds)),
        count(one.numel),
        count(one.pruned),
        _lines(count(one.zeros_before), count(one.zeros)),
        _lines(percent(one.sparsity_before), percent(one.sparsity)),
        figure(one.threshold),
        count(one.dead),
    )


def figures_table(report: Report) -> Markup:
    """Figures before, and after under them."""
    heads = ("Tensor", *(title for title, _ in _BOTH), _lines("L1 kept", "L2 kept"), _lines("NaN", "Inf"))
    return _table(heads, map(_figures, report.pruned), 1)


def _figures(one: TensorFacts) -> tuple[str, ...]:
    sides = (one.before, one.after)
    pairs = (_lines(*(figure(getattr(side, name, None)) for side in sides)) for _, name in _BOTH)
    counts = _lines(count(getattr(one.before, "nan", None)), count(getattr(one.before, "inf", None)))
    return (_name(one.name), *pairs, _lines(percent(one.l1_kept), percent(one.l2_kept)), counts)


def left_table(report: Report) -> Markup:
    """The tensors that no round took."""
    heads = ("Tensor", "Kind", "Shape", "Type", "Elements", "Zeros", "Sparsity")
    rows = (
        (
            _name(one.name),
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
    return _table(heads, rows, 4)


def _name(name: str) -> Markup:
    """A tensor's name, which may go on in the next line behind each dot."""
    first, *rest = name.split(".")
    return joined(first, *(joined(".", element("wbr"), part) for part in rest))


def _lines(*lines: str) -> Markup:
    """Lines of a cell, one under the other."""
    return joined(*(element("div", line) for line in lines))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], first_number: int, sums: Sequence[str] = ()) -> Markup:
    """A table whose columns from `first_number` on are numbers; `sums` is its last row."""

    def cells(tag: str, row: Sequence[str], **kind: str) -> Markup:
        classes = ["name", *[""] * (first_number - 1), *["number"] * (len(row) - first_number)]
        made = (element(tag, one, **({"class_": name} if name else {})) for one, name in zip(row, classes, strict=True))
        return element("tr", *made, **kind)

    body = [cells("td", row) for row in rows]
    last = [cells("td", sums, class_="total")] if sums else []
    return element("table", element("thead", cells("th", heads)), element("tbody", *body, *last))
