"""Some elements of a tensor, from everywhere in it, without a pass over all."""

from __future__ import annotations

import numpy as np

from pruner.checkpoint import TensorInfo
from pruner.dtypes import torch_dtype
from pruner.methods import Sample
from pruner.reading import read_bytes

_BLOCK = 1 << 12


def sample_of(info: TensorInfo, count: int) -> Sample | None:
    """About `count` elements in blocks at even distances; None where reading them would take a pass over all.

    Raises `PrunerError` where the file cannot be read.
    """
    if not info.contiguous or not info.readable or info.storage.deflated is not None or info.pieces:
        return None
    import torch

    itemsize = info.dtype_info.itemsize
    blocks = max(1, min(count, info.numel) // _BLOCK)
    starts = np.linspace(0, max(0, info.numel - _BLOCK), blocks).astype(np.int64)
    length = min(_BLOCK, info.numel)
    raw = np.concatenate(
        [read_bytes(info.storage, info.span[0] + int(start) * itemsize, length * itemsize) for start in starts]
    )
    places = (starts[:, None] + np.arange(length)).reshape(-1)
    return Sample(places, torch.from_numpy(raw).view(torch_dtype(info.dtype)))
