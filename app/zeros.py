"""Counts the zeros of a file, behind the window."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pruner import Checkpoint, PrunerError

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
