"""Single elements with the smallest scores, which were computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pruner.companions import companion
from pruner.elements import Elements
from pruner.methods import Scope, Shaped, option
from pruner.ranking import Ranking, by_magnitude


@dataclass(frozen=True, slots=True)
class Scores:
    """Prunes the elements with the smallest scores: those of Wanda, Taylor or any other importance.

    The scores of `NAME` are the file's tensor `NAME`. As with torch's `importance_scores`, a score counts by its
    magnitude; ties are pruned in order of the flat index, NaN last.
    """

    name: ClassVar[str] = "scores"
    title: ClassVar[str] = "Scores from a file"
    about: ClassVar[str] = "Prunes the elements with the smallest scores, such as Wanda's or Taylor's."
    passes: ClassVar[int] = 3
    scopes: ClassVar[tuple[Scope, ...]] = ("local", "global")

    file: str = option("File", "A checkpoint that has a score, under the tensor's own name, for each element.", str)

    @property
    def brief(self) -> str:
        """What the file has."""
        return "scores"

    def __str__(self) -> str:
        return f"{self.title}: {Path(self.file).name}"

    def unfit(self, tensor: Shaped) -> str:
        """Scores have every shape."""
        return ""

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """Elements by the magnitudes of their scores.

        Raises `PrunerError` where the file has none for one of the tensors, or some of another shape.
        """
        return by_magnitude([companion(self.file, one, ("",), "scores") for one in tensors], by_value=False)


METHOD = Scores
