"""The rows of the module tree: modules and tensors, filtered and sorted, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from app.forest import Forest
from pruner import TensorInfo
from pruner.module_tree import ModuleNode

SortKey = Callable[["Row"], Any]


class Row:
    """A module (`node`) or a tensor (`info`) at its `place` below another; `start` and `end` part its own in a forest.

    `children` are None until they are asked for.
    """

    __slots__ = ("children", "end", "id", "info", "node", "parent", "place", "start")

    def __init__(self, parent: Row | None, what: ModuleNode | TensorInfo | None, start: int, end: int) -> None:
        self.parent = parent
        self.node = what if isinstance(what, ModuleNode) else None
        self.info = what if isinstance(what, TensorInfo) else None
        self.start, self.end = start, end
        self.children: list[Row] | None = [] if what is None or self.info is not None else None
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


class Rows:
    """A forest under a filter: `flat` leaves the modules out; modules without a tensor that fits are left out anyway.

    `kept` are the places in the forest of the tensors that are shown, `before` for each place how many of those come
    before it. `made` has the rows by their `id`.
    """

    def __init__(
        self, forest: Forest, words: str = "", flat: bool = False, key: SortKey | None = None, descending: bool = False
    ) -> None:
        self._forest, self._flat, self._key, self._descending = forest, flat, key, descending
        self.kept = forest.fitting(words)
        flags = np.zeros(len(forest.infos), np.int64)
        flags[self.kept] = 1
        self.before = np.concatenate([[0], np.cumsum(flags)])
        self.root = Row(None, forest.tree, 0, len(forest.infos))
        self.made = [self.root]

    def span(self, row: Row) -> tuple[int, int]:
        """The first of a row's tensors among the `kept`, and the one behind its last."""
        return int(self.before[row.start]), int(self.before[row.end])

    def tensors(self, row: Row) -> Iterator[TensorInfo]:
        """The tensors of a row and all below it that are shown."""
        first, end = self.span(row)
        return (self._forest.infos[place] for place in self.kept[first:end].tolist())

    def shows(self, name: str) -> bool:
        """Whether a tensor is shown."""
        place = self._forest.places.get(name)
        return place is not None and bool(self.before[place + 1] > self.before[place])

    def children(self, row: Row) -> list[Row]:
        """The rows below a row."""
        if row.children is None:
            row.children = self._make(row)
            for place, child in enumerate(row.children):
                child.place, child.id = place, len(self.made)
                self.made.append(child)
        return row.children

    def find(self, name: str) -> Row | None:
        """The row of a tensor; None where it is not shown."""
        if not self.shows(name):
            return None
        place, row = self._forest.places[name], self.root
        if self._flat and self._key is None:
            return self.children(row)[int(self.before[place])]
        while row.info is None:
            row = next(child for child in self.children(row) if child.start <= place < child.end)
        return row

    def within(self, most: int) -> int:
        """The number of levels that can be unfolded for at most so many rows."""
        level, depth, count = self.children(self.root), 0, 0
        while level and count + len(level) <= most:
            count += len(level)
            depth += 1
            level = [child for row in level for child in self.children(row)]
        return depth

    def _make(self, row: Row) -> list[Row]:
        assert row.node is not None
        found = list(self._flat_rows(row) if self._flat else self._rows(row, row.node))
        return sorted(found, key=self._key, reverse=self._descending) if self._key is not None else found

    def _flat_rows(self, row: Row) -> Iterator[Row]:
        for place in self.kept.tolist():
            yield Row(row, self._forest.infos[place], place, place + 1)

    def _rows(self, row: Row, node: ModuleNode) -> Iterator[Row]:
        start = row.start
        before = self.before[row.start : row.end + 1]
        for info in node.tensors:
            if before[start + 1 - row.start] > before[start - row.start]:
                yield Row(row, info, start, start + 1)
            start += 1
        for child in node.children:
            end = start + self._forest.size(child)
            if before[end - row.start] > before[start - row.start]:
                yield Row(row, child, start, end)
            start = end
