"""How many zeros there are, now and after the planned round, as far as the file has been counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from pruner import Amount, Checkpoint, PrunerError, Pruning

_CHUNK = 1 << 20
_SHOW_SECONDS = 0.1
_TENSORS_A_SECOND = 20_000
"""What the window sums up at each showing without a stutter, spread over the time to the next one."""


def count_in_file(checkpoint: Checkpoint) -> Iterator[dict[str, int] | None]:
    """Zeros of each tensor's values by name, some tensors at a time; None between chunks, to give way.

    Tensors that cannot be read are left out.
    """
    from pruner.keys import magnitude_keys

    pause = max(_SHOW_SECONDS, len(checkpoint.tensors) / _TENSORS_A_SECOND)
    found: dict[str, int] = {}
    shown = time.monotonic()
    for name, info in checkpoint.tensors.items():
        if not info.prunable:
            continue
        zeros = 0
        try:
            for chunk in checkpoint.chunks(name, _CHUNK):
                zeros += int((magnitude_keys(chunk) == 0).sum())
                yield None
        except PrunerError:
            continue
        found[name] = zeros
        if time.monotonic() - shown > pause:
            yield found
            found, shown = {}, time.monotonic()
    yield found


@dataclass(frozen=True, slots=True)
class Outlook:
    """Zeros of a tensor, or of many: now, and when the planned round has run."""

    numel: int
    now: int
    planned: int

    def __add__(self, other: Outlook) -> Outlook:
        return Outlook(self.numel + other.numel, self.now + other.now, self.planned + other.planned)


def outlook(numel: int, zeros_in_file: int, pruning: Pruning | None, name: str, amount: Amount | None) -> Outlook:
    """A tensor's zeros; a planned round of the smallest magnitudes takes the zeros that are left first."""
    done = pruning[name] if pruning is not None and name in pruning else None
    now = done.zeros if done else zeros_in_file
    pruned = done.pruned if done else 0
    if amount is None:
        return Outlook(numel, now, now)
    taken = amount.count(numel - pruned)
    return Outlook(numel, now, now + max(0, taken - (now - pruned)))
