"""Whole channels with the smallest norms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from pruner.channels import Channels, no_channels
from pruner.elements import Elements, without_pruned
from pruner.errors import PrunerError
from pruner.keys import KeyArray, key_bits, magnitude_keys, magnitude_of, pruned_key
from pruner.methods import Scope, Shaped, option
from pruner.norms import channel_norms
from pruner.ranking import Ranking
from pruner.selection import Load, host


@dataclass(frozen=True, slots=True)
class LnStructured:
    """Prunes exactly the channels that `torch.nn.utils.prune.ln_structured` does; ties in order of the channels.

    Norms are summed up in float64, where torch takes the tensor's own type. The amount counts the channels that are
    left: those with an element that no round has pruned. Raises `PrunerError` for an `n` that is not a number.
    """

    name: ClassVar[str] = "ln_structured"
    title: ClassVar[str] = "Ln structured"
    about: ClassVar[str] = "Prunes the whole channels with the smallest norms."
    passes: ClassVar[int] = 2
    scopes: ClassVar[tuple[Scope, ...]] = ("local",)

    n: float = option("Norm", "1 sums magnitudes, 2 is Euclidean, inf takes the largest magnitude.", float, 2.0)
    dim: int = option("Dimension", "Along which dimension the channels lie: 0 is output, 1 input, -1 the last.", int, 0)

    def __post_init__(self) -> None:
        if math.isnan(self.n):
            raise PrunerError("A norm has a number: 1, 2 or inf.")
        object.__setattr__(self, "n", float(self.n))

    def unfit(self, tensor: Shaped) -> str:
        """A vector has no channels."""
        return no_channels(tensor.shape, self.dim)

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """Channels by norm."""
        return [self._ranking(one) for one in tensors]

    def _ranking(self, elements: Elements) -> Ranking:
        import torch

        channels = Channels(elements.shape, self.dim)
        left = channels.left(elements.mask)
        bits = key_bits(torch.float64)
        found: list[KeyArray] = []

        def keys() -> KeyArray:
            if not found:
                norms = torch.from_numpy(channel_norms(elements, channels, self.n))
                found.append(host(without_pruned(magnitude_keys(norms), left, 0, pruned_key(bits))))
            return np.copy(found[0])

        def pieces() -> Iterator[Load]:
            yield keys

        return Ranking(
            channels.count,
            left.kept,
            bits,
            pieces,
            mask_of=lambda kept: channels.widened(kept, elements.mask),
            magnitude=partial(magnitude_of, dtype=torch.float64),
        )


METHOD = LnStructured
