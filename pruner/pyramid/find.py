"""The next kept or pruned element in the order of the flat index."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from pruner.mask import Mask

_PART = 1 << 22


def find_next(mask: Mask, start: int, kept: bool) -> Generator[None, None, int | None]:
    """The first kept (or pruned) element from `start` on by flat index; after the last one it begins anew.

    None where there is no such element. Gives way after each few million elements.
    """
    for first, stop in ((start, mask.numel), (0, min(start, mask.numel))):
        at = first - first % 8
        while at < stop:
            upper = min(at + _PART, stop)
            found = mask.chunk(at, upper) == kept
            found[: max(0, first - at)] = False
            place = int(np.argmax(found)) if len(found) else 0
            if len(found) and found[place]:
                return at + place
            at += _PART
            yield None
    return None
