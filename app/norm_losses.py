"""What pruning has taken of the norms, tensor by tensor, measured behind the window and kept."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator, Mapping

from pruner import Checkpoint, Mask, PrunerError, Pruning
from pruner.losses import Loss, loss_of

_SHOW_SECONDS = 0.2
Key = tuple[str, int]


class NormLosses:
    """Losses by the very mask that they were measured with: a round measures anew only what it has changed.

    `unreadable` stands for a tensor that could not be read.
    """

    unreadable = Loss(float("nan"), float("nan"), float("nan"), float("nan"))

    def __init__(self) -> None:
        self._found: dict[Key, tuple[weakref.ref[Mask], Loss]] = {}

    def clear(self) -> None:
        """Forget all, for another document."""
        self._found.clear()

    def of(self, pruning: Pruning | None, name: str) -> Loss | None:
        """What a tensor has lost; None while it is not measured."""
        if pruning is None or name not in pruning or not (mask := pruning[name].mask).pruned:
            return Loss()
        entry = self._found.get((name, id(mask)))
        return entry[1] if entry is not None and entry[0]() is mask else None

    def missing(self, pruning: Pruning | None) -> list[str]:
        """The tensors that are not measured yet."""
        return [name for name in pruning or () if self.of(pruning, name) is None]

    def take(self, pruning: Pruning, found: Mapping[str, Loss]) -> None:
        """Keep what was measured of a pruning."""
        for name, loss in found.items():
            mask = pruning[name].mask
            self._found[name, id(mask)] = (weakref.ref(mask), loss)


def measure_losses(checkpoint: Checkpoint, pruning: Pruning, names: list[str]) -> Iterator[dict[str, Loss] | None]:
    """What these tensors have lost, some at a time; None in between, to give way."""
    found: dict[str, Loss] = {}
    shown = time.monotonic()
    for name in names:
        try:
            found[name] = yield from loss_of(checkpoint, name, pruning[name].mask)
        except PrunerError:
            found[name] = NormLosses.unreadable
        if time.monotonic() - shown > _SHOW_SECONDS:
            yield found
            found, shown = {}, time.monotonic()
    yield found
