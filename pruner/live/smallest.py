"""Masks of live tensors that prune exactly the k smallest magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pruner.elements import PIECE, elements_in
from pruner.keys import KeyArray, magnitude_keys
from pruner.live.plain import is_plain
from pruner.mask import Bools, Mask
from pruner.parallel import in_order, threads_here
from pruner.ranking import by_magnitude
from pruner.selection import host
from pruner.smallest import prune_smallest

_FEW = 1 << 17
"""Up to so many elements of one tensor the work is done at once, where each call counts."""
_ROOM = 1 << 26
_SIGNED = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def kept_mask(importance: Tensor, mask: Mask, k: int, dtype: torch.dtype) -> Tensor:
    """The mask after the `k` smallest magnitudes among the elements that `mask` keeps are pruned.

    `importance` has any strides, device and any dtype with a magnitude, `mask` its shape. Ties are pruned in the order
    of the flat index, NaN last; integers and complex numbers count by their absolute value. The result has 1 and 0 in
    the `dtype`, and the importance's strides.
    """
    return kept_masks([importance], [mask], k, [dtype])[0]


def kept_masks(
    importances: Sequence[Tensor], masks: Sequence[Mask], k: int, dtypes: Sequence[torch.dtype]
) -> list[Tensor]:
    """The same over several tensors taken together, ties in their order; `k` is at most what the masks keep."""
    scores = [one.detach().resolve_conj().resolve_neg() for one in importances]
    outs = [torch.empty_like(score, dtype=dtype) for score, dtype in zip(scores, dtypes, strict=True)]
    if k == 0:
        for out, mask in zip(outs, masks, strict=True):
            _unpack(mask, out)
    elif len(scores) == 1 and scores[0].is_cpu and scores[0].numel() <= _FEW:
        kept = masks[0].to_bools().reshape(-1)
        kept[kept] = _kept_of_few(host(magnitude_keys(scores[0].reshape(-1)))[kept], k)
        outs[0].copy_(torch.from_numpy(kept).view(outs[0].shape))
    else:
        _write(scores, masks, outs, k)
    return outs


def can_be_ranked(*tensors: Tensor) -> bool:
    """Whether the engine can work on tensors: where it cannot, torch's own operations do what they can."""
    return is_plain(*tensors) and all(one.dtype != torch.float8_e8m0fnu for one in tensors)  # which has no zero


def _kept_of_few(keys: KeyArray, k: int) -> Bools:
    key = np.partition(keys, k - 1)[k - 1]
    stays: Bools = keys >= key
    at_key = k - len(keys) + int(np.count_nonzero(stays))
    stays[np.flatnonzero(keys == key)[:at_key]] = False
    return stays


def _write(scores: Sequence[Tensor], masks: Sequence[Mask], outs: Sequence[Tensor], k: int) -> None:
    threads = threads_here()
    tensors = [elements_in(score, mask, threads=threads) for score, mask in zip(scores, masks, strict=True)]
    _, kept = prune_smallest(by_magnitude(tensors, by_value=False), k, _ROOM)
    for elements, found, out in zip(tensors, kept, outs, strict=True):
        _unpack(Mask(elements.shape, found.bits & elements.mask.bits), out)


def _unpack(mask: Mask, out: Tensor) -> None:
    """Write 1 and 0 to a tensor of any dtype, strides and device."""
    if not (out.is_cpu and out.is_contiguous() and out.dtype.itemsize in _SIGNED):
        out.copy_(mask.to_tensor())
        return
    bits = out.view(-1).view(_SIGNED[out.dtype.itemsize]).numpy()
    one = bits.dtype.type(_one(out.dtype))

    def fill(start: int) -> None:
        stop = min(start + PIECE, mask.numel)
        np.multiply(mask.chunk(start, stop).view(np.int8), one, out=bits[start:stop], casting="unsafe")

    for _ in in_order(fill, range(0, mask.numel, PIECE), threads_here()):
        pass


@cache
def _one(dtype: torch.dtype) -> int:
    """The bits of 1."""
    return int(torch.ones(1, device="cpu").to(dtype).view(_SIGNED[dtype.itemsize])[0])
