"""The tensors of a module tree in the order in which one reads it, made once for a document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pruner import TensorInfo
from pruner.module_tree import ModuleNode

Places = NDArray[np.int64]


class Forest:
    """A module's own tensors, then those of its children, one after the other: what a module has is a run of them.

    `infos` are the tensors, `places` where each name is among them, and `order` the place of each in the file.
    """

    def __init__(self, tree: ModuleNode | None, names: Sequence[str] = ()) -> None:
        """`names` are the tensors in the order of the file."""
        self.tree = tree
        self.infos: list[TensorInfo] = []
        self._texts: list[str] = []
        self._sizes: dict[int, int] = {}
        self._walk(tree)
        self.places = {info.name: place for place, info in enumerate(self.infos)}
        in_file = {name: place for place, name in enumerate(names)}
        self.order: Places = np.array([in_file[info.name] for info in self.infos], np.int64)

    def _walk(self, tree: ModuleNode | None) -> None:
        pending: list[tuple[ModuleNode, int]] = [(tree, -1)] if tree is not None else []
        while pending:  # and no recursion: names in a file may nest deeper than Python's stack
            node, begun = pending.pop()
            if begun >= 0:
                self._sizes[id(node)] = len(self.infos) - begun
                continue
            pending.append((node, len(self.infos)))
            for info in node.tensors:
                self.infos.append(info)
                self._texts.append(_text(info, node))
            pending.extend((child, -1) for child in reversed(node.children))

    def size(self, node: ModuleNode) -> int:
        """How many tensors a module and all below it have."""
        return self._sizes[id(node)]

    def fitting(self, words: str) -> Places:
        """The places of the tensors that have all words, parted by spaces, in name, kind, type, dtype or shape."""
        found: Sequence[int] = range(len(self._texts))
        for word in words.lower().split():
            found = [place for place in found if word in self._texts[place]]
        return np.array(found, np.int64)


def _text(info: TensorInfo, node: ModuleNode) -> str:
    shape = "x".join(map(str, info.shape))
    return f"{info.name} {info.kind} {info.dtype} {shape} {shape.replace('x', '×')} {node.type or ''}".lower()
