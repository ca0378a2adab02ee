"""Whole channels at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pruner.channels import Channels, no_channels
from pruner.elements import Elements
from pruner.methods import Scope, Shaped, option
from pruner.randomness import ranked_at_random, require_seed
from pruner.ranking import Ranking


@dataclass(frozen=True, slots=True)
class RandomStructured:
    """Prunes exactly so many channels along a dimension, each with the same chance.

    As in torch the amount counts the channels that are left: those with an element that no round has pruned. Raises
    `PrunerError` for a negative seed.
    """

    name: ClassVar[str] = "random_structured"
    title: ClassVar[str] = "Random structured"
    about: ClassVar[str] = "Prunes whole channels at random."
    passes: ClassVar[int] = 1
    scopes: ClassVar[tuple[Scope, ...]] = ("local",)

    dim: int = option("Dimension", "Along which dimension the channels lie: 0 is output, 1 input, -1 the last.", int, 0)
    seed: int = option("Seed", "The same seed prunes the same channels, on every machine and device.", int, 0)

    def __post_init__(self) -> None:
        require_seed(self.seed)

    def unfit(self, tensor: Shaped) -> str:
        """A vector has no channels."""
        return no_channels(tensor.shape, self.dim)

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """Channels in a random order; values are not read."""
        return [self._ranking(one) for one in tensors]

    def _ranking(self, elements: Elements) -> Ranking:
        channels = Channels(elements.shape, self.dim)
        left = channels.left(elements.mask)
        ranked = ranked_at_random(elements, self.seed, left)
        return replace(ranked, mask_of=lambda kept: channels.widened(kept, elements.mask))


METHOD = RandomStructured
