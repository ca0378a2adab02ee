"""Masks of live tensors that prune exactly the k smallest magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pruner.elements import PIECE, PIECE_ELSEWHERE, elements_in
from pruner.keys import KeyArray, magnitude_keys
from pruner.mask import Bools, Mask
from pruner.parallel import in_order, threads_here
from pruner.pieces import pieces
from pruner.ranking import by_magnitude
from pruner.rounds import prune_smallest

_FEW = 1 << 17
"""Up to so many elements of one tensor the work is done at once, where each call counts."""
_ROOM = 1 << 26
_SIGNED = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def kept_mask(
    importance: Tensor, mask: Tensor | None, k: int, *, dtype: torch.dtype | None = None, left: int | None = None
) -> Tensor:
    """The mask after the `k` smallest magnitudes among the elements that `mask` keeps are pruned.

    `importance` has any shape, strides, device and any dtype with a magnitude; `mask`, of its shape, keeps where it is
    1 (None keeps everything). Ties are pruned in the order of the flat index, NaN last; integers and complex numbers
    count by their absolute value. `left` is how many elements `mask` keeps, where that is known.
    The result has 1 and 0, the mask's dtype (or `dtype`, or the importance's) and the importance's strides.
    """
    wanted = dtype or (importance if mask is None else mask).dtype
    return kept_masks([importance], [mask], k, [wanted], left=left)[0]


def kept_masks(
    importances: Sequence[Tensor],
    masks: Sequence[Tensor | None],
    k: int,
    dtypes: Sequence[torch.dtype],
    *,
    left: int | None = None,
) -> list[Tensor]:
    """The same over several tensors taken together, ties in their order; `k` is at most what the masks keep."""
    scores = [one.detach() for one in importances]
    before = [None if one is None else one.detach() for one in masks]
    outs = [torch.empty_like(score, dtype=dtype) for score, dtype in zip(scores, dtypes, strict=True)]
    if left is None:
        left = sum(one.numel() if mask is None else kept_in(mask) for one, mask in zip(scores, before, strict=True))
    if k == 0 or not left:
        for out, mask in zip(outs, before, strict=True):
            if mask is None:
                out.fill_(1)
            else:
                out.copy_(mask == 1)
    elif len(scores) == 1 and before[0] is None and scores[0].is_cpu and left <= _FEW:
        kept = torch.from_numpy(_kept_of_few(magnitude_keys(scores[0].reshape(-1)), k))
        outs[0].copy_(kept.view(outs[0].shape))
    else:
        _write(scores, before, outs, k)
    return outs


def kept_in(mask: Tensor, *, any_number: bool = False) -> int:
    """How many elements of a mask are 1, or are not 0."""
    kept = 0
    for (piece,) in pieces(PIECE if mask.is_cpu else PIECE_ELSEWHERE, mask.detach()):
        kept += int(torch.count_nonzero(piece != 0 if any_number else piece == 1))
    return kept


def _kept_of_few(keys: KeyArray | Tensor, k: int) -> Bools:
    assert isinstance(keys, np.ndarray)
    key = np.partition(keys, k - 1)[k - 1]
    stays: Bools = keys >= key
    at_key = k - len(keys) + int(np.count_nonzero(stays))
    stays[np.flatnonzero(keys == key)[:at_key]] = False
    return stays


def _write(scores: Sequence[Tensor], masks: Sequence[Tensor | None], outs: Sequence[Tensor], k: int) -> None:
    threads = threads_here()
    tensors = [
        elements_in(score, None if mask is None else _packed(mask, threads), threads=threads)
        for score, mask in zip(scores, masks, strict=True)
    ]
    _, kept = prune_smallest(by_magnitude(tensors, by_value=False), k, _ROOM)
    for elements, found, out in zip(tensors, kept, outs, strict=True):
        _unpack(Mask(elements.shape, found.bits & elements.mask.bits), out, threads)


def _packed(mask: Tensor, threads: int) -> Mask:
    """Where a mask is 1, one bit an element."""
    elements = elements_in(mask, threads=threads)
    parts = in_order(
        lambda piece: np.packbits((piece[1]() == 1).cpu().numpy(), bitorder="little"), elements.pieces(), threads
    )
    return Mask(elements.shape, np.concatenate(list(parts)))


def _unpack(mask: Mask, out: Tensor, threads: int) -> None:
    """Write 1 and 0 to a tensor of any dtype, strides and device."""
    if not (out.is_cpu and out.is_contiguous() and type(out) is Tensor):
        out.copy_(mask.to_tensor())
        return
    bits = out.view(-1).view(_SIGNED[out.dtype.itemsize]).numpy()
    one = bits.dtype.type(_one(out.dtype))

    def fill(start: int) -> None:
        stop = min(start + PIECE, mask.numel)
        np.multiply(mask.chunk(start, stop).view(np.int8), one, out=bits[start:stop], casting="unsafe")

    for _ in in_order(fill, range(0, mask.numel, PIECE), threads):
        pass


@cache
def _one(dtype: torch.dtype) -> int:
    """The bits of 1."""
    return int(torch.ones(1).to(dtype).view(_SIGNED[dtype.itemsize])[0])
