"""The rows of the module tree: modules and tensors, filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pruner import TensorInfo
from pruner.module_tree import ModuleNode

SortKey = Callable[["Row"], Any]


class Row:
    """A module (`node`) or a tensor (`info`) at its place in the tree."""

    __slots__ = ("children", "id", "info", "node", "parent", "place")

    def __init__(self, parent: Row | None, node: ModuleNode | None, info: TensorInfo | None) -> None:
        self.parent = parent
        self.node = node
        self.info = info
        self.children: list[Row] = []
        self.place = 0
        self.id = 0

    @property
    def name(self) -> str:
        """The full dotted name."""
        return self.info.name if self.info is not None else self.node.name if self.node is not None else ""

    @property
    def numel(self) -> int:
        """Elements of the tensor, or of all below the module."""
        return self.info.numel if self.info is not None else self.node.numel if self.node is not None else 0

    def tensors(self) -> Iterable[TensorInfo]:
        """The tensors of the row and all below it that the filter lets through."""
        pending = [self]
        while pending:
            row = pending.pop()
            if row.info is not None:
                yield row.info
            pending.extend(reversed(row.children))

    def add(self, child: Row) -> None:
        """Put a row below this one."""
        child.place = len(self.children)
        self.children.append(child)

    def keep(self, children: list[Row]) -> None:
        """Have these rows below, in this order."""
        self.children = children
        for place, child in enumerate(children):
            child.place = place

    def sort(self, key: SortKey, descending: bool) -> None:
        """Order the rows at every level."""
        pending = [self]
        while pending:
            row = pending.pop()
            row.keep(sorted(row.children, key=key, reverse=descending))
            pending.extend(row.children)


def build_rows(tree: ModuleNode | None, words: str, flat: bool) -> Row:
    """The rows of a tree; `words`, parted by spaces, must all be in a tensor's name, kind, type, dtype or shape.

    `flat` leaves the modules out. Modules without a tensor that fits are left out.
    """
    root = Row(None, tree, None)
    if tree is None:
        return root
    wanted = words.lower().split()
    made = [root]
    pending: list[tuple[ModuleNode, Row]] = [(tree, root)]
    while pending:
        node, row = pending.pop()
        above = root if flat else row
        for info in node.tensors:
            if _fits(info, node, wanted):
                above.add(Row(above, None, info))
        below = [Row(row, child, None) for child in node.children]
        if not flat:
            row.children.extend(below)
            made.extend(below)
        pending.extend(zip(reversed(node.children), reversed(below), strict=True))
    for row in reversed(made):
        row.keep([child for child in row.children if child.info is not None or child.children])
    return root


def _fits(info: TensorInfo, node: ModuleNode, wanted: list[str]) -> bool:
    if not wanted:
        return True
    shape = "x".join(map(str, info.shape))
    text = f"{info.name} {info.kind} {info.dtype} {shape} {shape.replace('x', '×')} {node.type or ''}".lower()
    return all(word in text for word in wanted)
