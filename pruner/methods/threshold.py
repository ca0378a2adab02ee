"""Single elements up to a magnitude."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pruner.elements import Elements
from pruner.errors import PrunerError
from pruner.keys import key_at_most
from pruner.mask import Mask
from pruner.methods import Shaped, option
from pruner.selection import Cut, keep


@dataclass(frozen=True, slots=True)
class Threshold:
    """Prunes every element whose magnitude is at most the value, NaN never.

    How many these are follows from the numbers. Raises `PrunerError` for a negative value.
    """

    name: ClassVar[str] = "threshold"
    title: ClassVar[str] = "Threshold"
    about: ClassVar[str] = "Prunes all elements up to a magnitude. It takes no amount."
    passes: ClassVar[int] = 2

    value: float = option("Magnitude", "The largest magnitude that is pruned.", float)

    def __post_init__(self) -> None:
        if not self.value >= 0 or math.isinf(self.value):
            raise PrunerError(f"A threshold is a magnitude, 0 or above; it is not {self.value}.")

    @property
    def brief(self) -> str:
        """What is pruned, such as `|x| ≤ 0.01`."""
        return f"|x| ≤ {self.value:.4g}"

    def __str__(self) -> str:
        return f"{self.title} {self.value:.4g}"

    def unfit(self, tensor: Shaped) -> str:
        """Every element has a magnitude."""
        return ""

    def mask(self, elements: Elements) -> Mask:
        """The mask after the round, of the tensor's shape."""
        key = key_at_most(self.value, elements.dtype)
        if key < 0:
            return elements.mask
        pieces = partial(elements.magnitudes, elements.dtype)
        kept = next(keep(pieces, Cut(key, 1, 1), [elements.numel], threads=elements.threads))
        return Mask(elements.shape, kept.bits & elements.mask.bits)


METHOD = Threshold
