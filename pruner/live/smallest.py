"""Masks that prune exactly the k smallest magnitudes: fast for floats on the CPU, in bounded memory everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, reduce

import torch
from torch import Tensor

from pruner.live.bracket import FEW, Array, Segment, cut_of, spans_of, write_few, write_kept
from pruner.live.pieces import pieces
from pruner.selection import key_bits, magnitude_keys, smallest

_PIECE = 1 << 20
_PIECE_ELSEWHERE = 1 << 24
_FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_INTEGER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_UNSIGNED = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


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
    elif not (_is_plain(scores, before, outs) and _write_fast(scores, before, outs, k, left)):
        _write_anywhere(scores, before, outs, k, left)
    return outs


def kept_in(mask: Tensor, *, any_number: bool = False) -> int:
    """How many elements of a mask are 1, or are not 0."""
    kept = 0
    for (piece,) in pieces(_piece_on(mask.device), mask.detach()):
        kept += int(torch.count_nonzero(piece != 0 if any_number else piece == 1))
    return kept


def _piece_on(device: torch.device) -> int:
    return _PIECE if device.type == "cpu" else _PIECE_ELSEWHERE


def _is_plain(scores: Sequence[Tensor], masks: Sequence[Tensor | None], outs: Sequence[Tensor]) -> bool:
    """Whether all are ordinary contiguous tensors on the CPU, of one float type, whose bits NumPy can take."""
    present = [one for one in masks if one is not None]
    return scores[0].dtype in _FLOATS and all(
        type(one) in (Tensor, torch.nn.Parameter)
        and one.device.type == "cpu"
        and one.is_contiguous()
        and one.dtype.itemsize in _UNSIGNED
        and not one.is_neg()
        and (one.dtype == scores[0].dtype or place >= len(scores))
        for place, one in enumerate([*scores, *present, *outs])
    )


def _bits(tensor: Tensor) -> Array:
    width = tensor.dtype.itemsize
    return tensor.reshape(-1).view(_INTEGER[width]).numpy().view(_UNSIGNED[width])


@cache
def _one(dtype: torch.dtype) -> int:
    """The bits of 1."""
    return int(_bits(torch.ones(1).to(dtype))[0])


@cache
def _infinity(dtype: torch.dtype) -> int:
    return int(_bits(torch.full((1,), float("inf"), dtype=dtype))[0])


def _write_fast(
    scores: Sequence[Tensor], masks: Sequence[Tensor | None], outs: Sequence[Tensor], k: int, left: int
) -> bool:
    """Write the masks by a bracket; False where it missed."""
    segments = [
        Segment(_bits(score), None if mask is None else _bits(mask), 1 if mask is None else _one(mask.dtype))
        for score, mask in zip(scores, masks, strict=True)
    ]
    infinity = _infinity(scores[0].dtype)
    if len(segments) == 1 and len(segments[0].bits) <= FEW:
        return write_few(segments[0], _bits(outs[0]), k, infinity, _one(outs[0].dtype))
    cut = cut_of(segments, k, left, infinity)
    if cut is None:
        return False
    spans = spans_of(segments)
    whole = {id(segment): (_bits(out), _one(out.dtype)) for segment, out in zip(segments, outs, strict=True)}
    places = [whole[id(span.segment)] for span in spans]
    arrays = [bits[span.start : span.stop] for span, (bits, _) in zip(spans, places, strict=True)]
    write_kept(spans, arrays, cut, [one for _, one in places])
    return True


def _write_anywhere(
    scores: Sequence[Tensor], masks: Sequence[Tensor | None], outs: Sequence[Tensor], k: int, left: int
) -> None:
    """Write the masks by the keys: any dtype, any strides, any device, NaN too."""
    common = reduce(torch.promote_types, {score.dtype for score in scores})

    def parts() -> Iterator[tuple[Tensor, Tensor | None, Tensor]]:
        for score, mask, out in zip(scores, masks, outs, strict=True):
            for part in pieces(_piece_on(score.device), score, out, *([] if mask is None else [mask])):
                keys = magnitude_keys(part[0].reshape(-1).to(common))
                yield keys, part[2].reshape(-1) == 1 if len(part) > 2 else None, part[1]

    def left_keys() -> Iterator[Tensor]:
        return (keys if kept is None else keys[kept] for keys, kept, _ in parts())

    cut = smallest(left_keys, k, key_bits(common), left)
    at_key = cut.at_key
    for keys, kept, out in parts():
        stays = keys > cut.key
        if at_key:
            equal = keys == cut.key if kept is None else (keys == cut.key) & kept
            places = equal.nonzero().view(-1)
            stays[places[at_key:]] = True
            at_key -= min(at_key, len(places))
        else:
            stays |= keys == cut.key
        out.copy_((stays if kept is None else stays & kept).view(out.shape))
