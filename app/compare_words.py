"""What a comparison says: states, totals, and a tensor's figures in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app import numbers
from app.comparison import Comparison, Row, State
from app.plain import clipped
from pruner.pairs import Agreement, Difference
from pruner.pyramid import Layout

_NAME = 60
SIGNS: dict[State, str] = {
    "unknown": "…",
    "equal": "=",
    "type": "≈",
    "changed": "≠",
    "here": "−",
    "there": "+",
    "shape": "×",
    "unreadable": "!",
}
WORDS: dict[State, str] = {
    "unknown": "not read yet",
    "equal": "equal",
    "type": "equal, other type",
    "changed": "changed",
    "here": "only here",
    "there": "only there",
    "shape": "other shape",
    "unreadable": "not readable",
}
RANK: dict[State, int] = {"changed": 0, "type": 1, "shape": 2, "here": 3, "there": 4}
"""The order in which a reader needs them; the others come after."""


def totals(comparison: Comparison) -> str:
    """`ema.pt: 120 equal · 12 changed · 1 only there · prefix module. there folded`."""
    if comparison.other is None or comparison.pairing is None:
        return ""
    other = comparison.other
    name = clipped(f"{other.path.name}, {other.root}" if other.root else other.path.name, _NAME)
    found = Counter(row.state for row in comparison.rows)
    parts = [
        f"{numbers.count(found[state])} {WORDS[state]}"
        for state in ("equal", "changed", "type", "shape", "here", "there", "unreadable", "unknown")
        if found[state]
    ]
    for prefix, whose in zip(comparison.pairing.prefixes, ("here", "there"), strict=True):
        if prefix:
            parts.append(f"prefix {clipped(prefix, _NAME)} {whose} folded")
    if comparison.pairing.reordered:
        parts.append("other order")
    return f"{name}: {' · '.join(parts)}"


def figures(row: Row) -> str:
    """What is known of a tensor, in a line or two."""
    found = row.difference
    if found is None:
        return row.problem or "Reading…"
    if found.changed is None:
        here, there = (numbers.shape(shape) for shape in found.shapes)
        return f"The shape is {here} here and {there} there; only zeros can be compared: {_zeros(found)}."
    types = "" if found.dtypes[0] == found.dtypes[1] else f" {found.dtypes[0]} here, {found.dtypes[1]} there."
    if not found.changed:
        return f"All values are equal.{types} Zeros: {_zeros(found)}."
    where = Layout.of(found.shapes[0]).describe(found.where) if found.where is not None else "–"
    parts = [
        f"{numbers.plural(found.changed, 'element')} differ{'s' if found.changed == 1 else ''}",
        f"largest difference {numbers.figure(found.max_abs_difference)} at {where}",
        f"relative {numbers.figure(found.relative)}",
        f"cosine {cosine(found.cosine)}",
        f"mean {numbers.figure(found.mean)}",
        f"zeros {_zeros(found)}",
    ]
    return " · ".join(parts) + (f" ·{types}" if types else "")


def cosine(value: float | None) -> str:
    """Six decimals; what is not quite 1 is never rounded to it."""
    if value is None:
        return "–"
    text = "0.999999+" if 0.9999995 <= value < 1 else f"{value:.6f}"
    return text.rstrip("0").rstrip(".").replace("-", "−") if "+" not in text and "." in text else text


def agreement(found: Agreement, colours: Sequence[str]) -> str:
    """How far two masks agree, as rich text: the four counts each with the colour of the map."""
    parts = [
        f'<span style="color:{colour}">■</span>&nbsp;{text.replace(" ", "&nbsp;")}'
        for colour, text in zip(colours, agreement_counts(found), strict=True)
    ]
    return f"{agreement_share(found)}:&ensp;{'&ensp; '.join(parts)}"


def agreement_share(found: Agreement) -> str:
    """How far two masks agree, in two numbers."""
    jaccard = "" if found.jaccard is None else f", Jaccard of the pruned {found.jaccard:.3f}"
    return f"Masks agree on {numbers.percent(found.share)}{jaccard}"


def agreement_counts(found: Agreement) -> tuple[str, ...]:
    """The four counts, in the order of the map's colours."""
    counts = (found.both_kept, found.both_pruned, found.only_a, found.only_b)
    titles = ("both keep", "both prune", "pruned only here", "pruned only there")
    return tuple(f"{title} {numbers.count(n)}" for title, n in zip(titles, counts, strict=True))


def _zeros(found: Difference) -> str:
    return f"{numbers.count(found.zeros[0])} here, {numbers.count(found.zeros[1])} there"
