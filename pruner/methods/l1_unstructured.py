"""Single elements with the smallest magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pruner.elements import Elements
from pruner.methods import Scope, Shaped
from pruner.ranking import Ranking, by_magnitude


@dataclass(frozen=True, slots=True)
class L1Unstructured:
    """Prunes exactly the elements that `torch.nn.utils.prune.l1_unstructured` does; ties in order of the flat index."""

    name: ClassVar[str] = "l1_unstructured"
    title: ClassVar[str] = "L1 unstructured"
    about: ClassVar[str] = "Prunes the elements with the smallest magnitudes."
    passes: ClassVar[int] = 2
    scopes: ClassVar[tuple[Scope, ...]] = ("local", "global")

    def unfit(self, tensor: Shaped) -> str:
        """Every element has a magnitude."""
        return ""

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """Elements by the magnitudes of their values."""
        return by_magnitude(tensors, by_value=True)


METHOD = L1Unstructured
