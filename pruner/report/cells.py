"""Tables of the page, and what their cells are made of."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from pruner.report.markup import Markup, element, joined


def table_of(
    heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Container[int] = (), sums: Sequence[str] = ()
) -> Markup:
    """A table; `numbers` are the columns that are set to the right, `sums` is its last row."""

    def row_of(tag: str, row: Sequence[str], **kind: str) -> Markup:
        kinds = ("number" if place in numbers else "words" for place in range(len(row)))
        return element("tr", *(element(tag, one, class_=each) for one, each in zip(row, kinds, strict=True)), **kind)

    head = [element("thead", row_of("th", heads))] if heads else []
    last = [row_of("td", sums, class_="total")] if sums else []
    return element("table", *head, element("tbody", *(row_of("td", row) for row in rows), *last))


def name_of(name: str) -> Markup:
    """A tensor's name, which may go on in the next line behind each dot."""
    first, *rest = name.split(".")
    return joined(first, *(joined(".", element("wbr"), part) for part in rest))


def lines_of(*lines: str) -> Markup:
    """Lines of a cell, one under the other."""
    return joined(*(element("div", line) for line in lines))
