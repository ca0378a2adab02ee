"""Zeros of all tensors of a checkpoint, now and after a round, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from app.forecast import Outlook
from pruner import Checkpoint

Counts = NDArray[np.int64]
UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Columns:
    """What never changes of the tensors, in the order of the file."""

    numels: Counts
    prunable: NDArray[np.bool_]


_COLUMNS: WeakKeyDictionary[Checkpoint, Columns] = WeakKeyDictionary()


def columns_of(checkpoint: Checkpoint) -> Columns:
    """The columns of a checkpoint, made once."""
    found = _COLUMNS.get(checkpoint)
    if found is None:
        infos = checkpoint.tensors.values()
        numels = np.array([info.numel for info in infos], np.int64)
        found = _COLUMNS[checkpoint] = Columns(numels, np.array([info.prunable for info in infos], np.bool_))
    return found


@dataclass(frozen=True, eq=False)
class Ledger:
    """Zeros of each tensor in the order of the file, `UNKNOWN` where they are not counted, or only the round tells."""

    now: Counts
    after: Counts


def running(parts: NDArray[np.generic]) -> Counts:
    """Sums of the first so many parts, from none to all."""
    return np.concatenate([[0], np.cumsum(parts, dtype=np.int64)])


class Sums:
    """Outlooks of runs of tensors, in an order of their own."""

    def __init__(self, numels: Counts, now: Counts, after: Counts) -> None:
        known = now != UNKNOWN
        self._known, self._numels = running(known), running(numels * known)
        self._now, self._after = running(now * known), running(after * known)
        self._untold = running(known & (after == UNKNOWN))

    def outlook(self, first: int, end: int) -> Outlook | None:
        """Zeros in tensors from `first` up to `end`, of those that are counted; None where none is."""
        known, numel, now, after, untold = (
            int(sums[end] - sums[first]) for sums in (self._known, self._numels, self._now, self._after, self._untold)
        )
        return Outlook(numel, now, None if untold else after) if known else None
