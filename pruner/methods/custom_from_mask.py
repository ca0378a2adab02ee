"""A mask that was made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pruner.companions import companion
from pruner.elements import Elements, OtherNumbersError, mask_in
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.methods import Shaped, option


@dataclass(frozen=True, slots=True)
class CustomFromMask:
    """Prunes where the mask of a file is 0 and keeps where it is 1, on top of earlier rounds.

    The mask of `NAME` is the file's tensor `NAME_mask`, or `NAME`; its type is any.
    """

    name: ClassVar[str] = "custom_from_mask"
    title: ClassVar[str] = "Mask from a file"
    about: ClassVar[str] = "Prunes where a mask made elsewhere is 0. It takes no amount."
    passes: ClassVar[int] = 2

    file: str = option("File", "A checkpoint with NAME_mask or NAME for each tensor, of its shape, of 0 and 1.", str)

    @property
    def brief(self) -> str:
        """What the file has."""
        return "mask"

    def __str__(self) -> str:
        return f"{self.title}: {Path(self.file).name}"

    def unfit(self, tensor: Shaped) -> str:
        """A mask has every shape."""
        return ""

    def mask(self, elements: Elements) -> Mask:
        """The mask after the round, of the tensor's shape.

        Raises `PrunerError` where the file has none for it, one of another shape, or other numbers than 0 and 1.
        """
        found = companion(self.file, elements, ("_mask", ""), "mask")
        try:
            return mask_in(found) & elements.mask
        except OtherNumbersError:
            raise PrunerError(
                f"{self.file}: “{found.name}” has other numbers than 0, which prunes, and 1, which keeps."
            ) from None


METHOD = CustomFromMask
