"""Single elements at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pruner.elements import Elements
from pruner.methods import Scope, Shaped, option
from pruner.randomness import ranked_at_random, require_seed
from pruner.ranking import Ranking


@dataclass(frozen=True, slots=True)
class RandomUnstructured:
    """Prunes exactly so many elements, each with the same chance.

    The seed and the tensor's name decide alone; torch's `random_unstructured` of a seed prunes other elements. Raises
    `PrunerError` for a negative seed.
    """

    name: ClassVar[str] = "random_unstructured"
    title: ClassVar[str] = "Random unstructured"
    about: ClassVar[str] = "Prunes elements at random: the floor that a better method has to beat."
    passes: ClassVar[int] = 3
    scopes: ClassVar[tuple[Scope, ...]] = ("local", "global")

    seed: int = option("Seed", "The same seed prunes the same elements, on every machine and device.", int, 0)

    def __post_init__(self) -> None:
        require_seed(self.seed)

    def unfit(self, tensor: Shaped) -> str:
        """Chance takes every element."""
        return ""

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """Elements in a random order; their values are not read."""
        return [ranked_at_random(one, self.seed, one.mask) for one in tensors]


METHOD = RandomUnstructured
