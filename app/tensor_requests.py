"""What the centre shows of a tensor, computed behind the window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.next_round import NextRound
from pruner import Checkpoint, Mask
from pruner.curves import Curve, curve_of
from pruner.elements import elements_of
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.methods.threshold import Threshold
from pruner.picture import Picture, picture
from pruner.pyramid import Aggregate, Layout
from pruner.rounds import threshold_of
from pruner.steps import giving_way
from pruner.summaries import Figures, Histogram, histogram, measure


@dataclass(frozen=True, eq=False)
class Cut:
    """Where the planned round would cut the magnitudes: None where it would prune nothing, or not by them."""

    threshold: float | None


def summaries(
    checkpoint: Checkpoint,
    name: str,
    mask: Mask | None,
    layout: Layout | None = None,
    aggregate: Aggregate = "extreme",
) -> Iterator[Picture | Histogram | Curve | tuple[Figures, Figures] | None]:
    """The parts of the view, the picture first; None in between, to give way."""
    drawn = yield from picture(checkpoint, name, mask, layout, aggregate)
    yield drawn
    if drawn.layout.held < drawn.layout.numel:  # a slice knows only its own limit
        drawn = yield from giving_way(picture(checkpoint, name, mask))
    counted = yield from histogram(checkpoint, name, mask, drawn.limit)
    yield counted
    if checkpoint[name].dtype_info.prunable:
        yield (yield from curve_of(elements_of(checkpoint, name, mask)))
    before = yield from giving_way(measure(checkpoint, name, None))
    after = (yield from giving_way(measure(checkpoint, name, mask))) if mask is not None else before
    yield before, after


def known_cut(planned: NextRound, name: str) -> Cut | None:
    """The cut where no number need be read for it: none, or the method's own; None where `find_cut` is asked.

    A single value cuts the magnitudes of a tensor only where its amount counts in it alone; over all tensors together
    the cut depends on all of their numbers, and most methods do not cut by magnitude.
    """
    method = planned.choice.method
    if name not in planned.planned:
        return Cut(None)
    if isinstance(method, Threshold):
        return Cut(method.value)
    return None if isinstance(method, L1Unstructured) and not planned.choice.together else Cut(None)


def find_cut(planned: NextRound, name: str) -> Iterator[Cut]:
    """The largest magnitude that the round would prune of a tensor by its own amount."""
    assert planned.checkpoint is not None
    assert isinstance(planned.choice.method, L1Unstructured)
    mask = planned.pruning[name].mask if planned.pruning is not None and name in planned.pruning else None
    elements = elements_of(planned.checkpoint, name, mask)
    yield Cut(threshold_of(planned.choice.method, planned.planned[name], elements))
