"""Channels of which nothing but zeros is left."""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from pruner.channels import Channels, no_channels
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.mask import Mask
from pruner.summaries import Figures, numbers_of


def dead_channels(
    checkpoint: Checkpoint, info: TensorInfo, mask: Mask | None, after: Figures
) -> Generator[None, None, int | None]:
    """How many channels of the first dimension are zero after pruning; None for a tensor without channels.

    NaN is not zero. Reads the values only where there are zeros enough for a channel; gives way after each chunk.
    """
    if no_channels(info.shape, 0):
        return None
    if not info.numel or after.zeros < math.prod(info.shape[1:]):
        return 0
    channels = Channels(info.shape, 0)
    alive, start = np.zeros(channels.count, np.bool_), 0
    for values, kept in numbers_of(checkpoint, info, mask):
        flags = values.numpy() != 0
        if kept is not None:
            flags &= kept.numpy()
        begins, rows = channels.runs(start, start + len(flags))
        alive[rows[np.logical_or.reduceat(flags, begins)]] = True
        start += len(flags)
        yield None
    return int(np.count_nonzero(~alive))
