"""The ways to go over a tensor's channels, and the orders to have them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app import numbers
from pruner.heads import Heads, heads_of

Key = Literal["index", "sparsity", "l1", "l2"]
_PARTS = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class Way:
    """Channels along dimension `dim`, or the attention heads that neighbouring ones form.

    `key` tells ways of one tensor apart; `one` and `many` say what a channel is called.
    """

    key: str
    dim: int
    one: str
    many: str
    title: str
    heads: Heads | None = None

    def groups(self, heads: int) -> int:
        """How many runs of channels there are, where there are so many heads; 0 where each channel is by itself."""
        return heads * self.heads.parts if self.heads is not None else 0

    def label(self, place: int, heads: int) -> str:
        """What one of them is called in a list."""
        if self.heads is None or self.heads.parts == 1:
            return str(place)
        return f"{_PARTS[place // heads]} {place % heads}"


@dataclass(frozen=True, slots=True)
class Order:
    """By what channels are sorted; equal ones stay as in the tensor."""

    key: Key
    descending: bool = False


ORDERS: dict[str, Order] = {
    "In order": Order("index"),
    "In reverse order": Order("index", descending=True),
    "Sparsest first": Order("sparsity", descending=True),
    "Densest first": Order("sparsity"),
    "Smallest L1 first": Order("l1"),
    "Largest L1 first": Order("l1", descending=True),
    "Smallest L2 first": Order("l2"),
    "Largest L2 first": Order("l2", descending=True),
}


def ways_of(name: str, shape: tuple[int, ...], module_type: str | None) -> tuple[Way, ...]:
    """The ways to go over a tensor, its heads last; none for a single number.

    Transposed convolutions, and the `Conv1D` of transformers, have their input channels in dimension 0.
    """
    kind = (module_type or "").rpartition(".")[2]
    turned = kind.startswith("ConvTranspose") or (kind == "Conv1D" and len(shape) == 2)
    found = []
    for dim, size in enumerate(shape):
        one = ("output", "input")[(dim == 1) != turned] + " channel" if dim < 2 <= len(shape) else "index"
        title = f"{one.capitalize()}s (dim {dim}, {numbers.count(size)})"
        if one == "index":
            title = f"Dimension {dim} ({numbers.count(size)})"
        many = "indices" if one == "index" else f"{one}s"
        found.append(Way(f"dim {dim}", dim, one, many, title))
    heads = heads_of(name, shape)
    if heads is not None:
        found.append(Way("heads", heads.dim, "head", "heads", f"Heads (dim {heads.dim})", heads))
    return tuple(found)
