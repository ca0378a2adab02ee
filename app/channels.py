"""Counts the channels that rounds have left, behind the window: a large mask takes a while to look through."""

from __future__ import annotations

import time
from collections.abc import Iterator

from app.next_round import NextRound
from pruner.channels import Channels

_SHOW_SECONDS = 0.1


def count_channels(planned: NextRound) -> Iterator[dict[str, int] | None]:
    """Channels with an element that is left, of the tensors that are pruned, some at a time; None gives way."""
    checkpoint, pruning = planned.checkpoint, planned.pruning
    assert checkpoint is not None
    assert pruning is not None
    found: dict[str, int] = {}
    shown = time.monotonic()
    dim = getattr(planned.choice.method, "dim", 0)
    for name, done in pruning.tensors.items():
        if done.pruned and not planned.unfit(name):
            found[name] = Channels(checkpoint[name].shape, dim).left(done.mask).kept
        if time.monotonic() - shown > _SHOW_SECONDS:
            yield found
            found, shown = {}, time.monotonic()
        else:
            yield None
    yield found
