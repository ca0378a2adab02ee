"""Values that are not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pruner.elements import Elements, Values, mask_by
from pruner.mask import Bools, Mask
from pruner.methods import Shaped


@dataclass(frozen=True, slots=True)
class NonFinite:
    """Prunes NaN and infinity, so that 0 is written for them."""

    name: ClassVar[str] = "non_finite"
    title: ClassVar[str] = "NaN and infinity"
    about: ClassVar[str] = "Prunes what is NaN or infinite, and nothing else. It takes no amount."
    passes: ClassVar[int] = 2

    @property
    def brief(self) -> str:
        """What is pruned."""
        return "NaN, ∞"

    def __str__(self) -> str:
        return self.title

    def unfit(self, tensor: Shaped) -> str:
        """Every value is finite or is not."""
        return ""

    def mask(self, elements: Elements) -> Mask:
        """The mask after the round, of the tensor's shape."""

        def finite(_: int, values: Values) -> Bools:
            import torch

            given = values()
            wide = given.to(torch.float32) if given.dtype.itemsize == 1 and given.is_floating_point() else given
            flags: Bools = wide.isfinite().cpu().numpy()
            return flags

        return mask_by(elements, finite) & elements.mask


METHOD = NonFinite
