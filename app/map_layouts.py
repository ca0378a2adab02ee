"""Which layout a tensor is shown in: what can be chosen for its dimensions, and what was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pruner.pyramid import Bands, Grid, Layout, Line, is_line, unbanded

Kind = Literal["filters", "turned", "slices"]
KINDS: dict[Kind, tuple[str, str]] = {
    "filters": ("Filters, output × input", "A row of filters for each output channel"),
    "turned": ("Filters, input × output", "A row of filters for each input channel"),
    "slices": ("Slices", "Any two dimensions against each other, the others by sliders"),
}
"""The layouts of three dimensions and more, with what they are called."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A layout for any tensor of one number of dimensions.

    `down`, `across` and `at` are those of slices: the dimensions against each other, and where the others stand.
    `run` is how many elements of a line are a row, 0 for as many as fit well.
    """

    kind: Kind = "filters"
    down: int = 0
    across: int = 1
    at: tuple[int, ...] = ()
    run: int = 0

    def layout(self, shape: tuple[int, ...], bands: bool) -> Layout:
        """The layout of a tensor; with `bands` a thin one is cut into them."""
        if is_line(shape):
            return Line.of(shape, self.run or None)
        if len(shape) > 2 and self.kind == "slices":
            found = Grid.slices(shape, self.down, self.across, self.at or (0,) * len(shape))
        else:
            found = Grid.filters(shape, turned=len(shape) > 2 and self.kind == "turned")
        return Bands.over(found) if bands and found.thin else found

    def standing(self, dim: int, place: int, rank: int) -> Arrangement:
        """The arrangement with a dimension at another place."""
        at = list(self.at or (0,) * rank)
        at[dim] = place
        return replace(self, at=tuple(at))

    def against(self, down: int, across: int) -> Arrangement:
        """The arrangement with other dimensions against each other; one that takes the other's place swaps with it."""
        if down == across:
            down, across = (down, self.down) if down != self.down else (self.across, across)
        return replace(self, down=down, across=across)

    def holding(self, layout: Layout, flat: int) -> Arrangement:
        """The arrangement whose layout has an element, by its flat index."""
        there = unbanded(layout.holding(flat))
        return replace(self, at=there.at) if self.kind == "slices" and isinstance(there, Grid) else self
