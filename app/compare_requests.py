"""What the window shows of a pair of tensors, computed behind it."""

from __future__ import annotations

from collections.abc import Iterator

from app.map_layouts import Arrangement
from pruner.pairs import Both, Difference, Marks, PairPicture, histogram_of, measure, pair_picture
from pruner.steps import giving_way
from pruner.summaries import Histogram


def pair_steps(both: Both) -> Iterator[Difference | PairPicture | Histogram | None]:
    """The parts of the view, the figures first; None in between, to give way."""
    marks = Marks(both.infos[0].shape) if both.alike else None
    found = yield from giving_way(measure(both, marks))
    yield found
    if marks is None or not both.infos[0].numel:
        return
    drawn = yield from pair_picture(both, marks, Arrangement().layout(both.infos[0].shape, bands=True))
    yield drawn
    if found.changed:
        yield (yield from histogram_of(both, drawn.limit))
