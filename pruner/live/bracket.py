"""The cut on the CPU: a sample brackets the k-th smallest, one pass over the keys settles it.

A key is a float's bits without the sign; keys order as magnitudes do, and NaNs lie above infinity. The sample decides
how fast the cut is found, never where it lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pruner.live.pieces import in_parallel

Array = npt.NDArray[Any]

PIECE = 1 << 18
"""Elements worked on at a time: their keys are still in the cache when the next step looks at them."""
_RUN = 8
"""Pieces that are worth a thread: to start and to await one takes as long as some of them."""
_SAMPLE = 1 << 18
FEW = 1 << 17
"""Up to so many elements the k-th smallest is looked for directly."""
_DEVIATIONS = 5
_TIED = 16
"""How often a key is in a sample of `_SAMPLE` when too many elements may have it to gather them."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One tensor in flat arrays of unsigned integers: its bits, and those of its mask (None keeps everything)."""

    bits: Array
    mask: Array | None
    mask_one: int


@dataclass(frozen=True, slots=True)
class Bracket:
    """Keys from `low` to `high`; where many elements may have one of the two as their key, these are only counted."""

    low: int
    high: int
    low_tied: bool = False
    high_tied: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a segment: the elements from `start` up to `stop`."""

    segment: Segment
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one span has below the bracket, at its ends and strictly inside it."""

    below: int
    low: int
    inside: Array
    high: int


@dataclass(frozen=True, slots=True)
class Cut:
    """All keys below `key` are pruned, and the first `at_key` that equal it; `equal` counts these span by span."""

    key: int
    at_key: int
    equal: list[int]


def spans_of(segments: Sequence[Segment]) -> list[Span]:
    """The segments in pieces of `PIECE` elements."""
    return [
        Span(segment, start, min(start + PIECE, len(segment.bits)))
        for segment in segments
        for start in range(0, len(segment.bits), PIECE)
    ]


def keys_of(span: Span, keys: Array, flags: Array) -> Array:
    """The span's keys, in the buffer `keys`; the greatest integer for elements that its mask has pruned."""
    found = keys[: span.stop - span.start]
    segment = span.segment
    np.bitwise_and(segment.bits[span.start : span.stop], np.iinfo(keys.dtype).max >> 1, out=found)
    if segment.mask is not None:
        gone = flags[: len(found)]
        np.not_equal(segment.mask[span.start : span.stop], segment.mask_one, out=gone)
        np.copyto(found, np.iinfo(keys.dtype).max, where=gone)
    return found


def cut_of(segments: Sequence[Segment], k: int, left: int, infinity: int) -> Cut | None:
    """Where the `k` smallest of the `left` keys that the masks keep end; None where the bracket missed it, or is NaN.

    `infinity` is the key of infinity. The cut counts along `spans_of(segments)`.
    """
    bracket = _bracket(segments, k, left, infinity)
    found = in_parallel(partial(_count, bracket=bracket), spans_of(segments), _RUN)
    missing = k - sum(one.below for one in found)
    if missing < 1:
        return None
    at_low = sum(one.low for one in found)
    if missing <= at_low:
        return Cut(bracket.low, missing, [one.low for one in found])
    missing -= at_low
    inside = np.concatenate([one.inside for one in found])
    if missing <= len(inside):
        inside.partition(missing - 1)
        key = inside[missing - 1]
        below = int(np.count_nonzero(inside[: missing - 1] < key))
        return Cut(int(key), missing - below, [int(np.count_nonzero(one.inside == key)) for one in found])
    missing -= len(inside)
    if missing <= sum(one.high for one in found):
        return Cut(bracket.high, missing, [one.high for one in found])
    return None


def write_kept(spans: Sequence[Span], outs: Sequence[Array], cut: Cut, one: Sequence[int]) -> None:
    """Write the mask after the round to each span's array of `outs`: the bits `one` where an element stays, else 0."""
    pruned_before = np.concatenate([[0], np.cumsum(cut.equal)[:-1]])
    taken = [
        min(max(cut.at_key - int(before), 0), equal) for before, equal in zip(pruned_before, cut.equal, strict=True)
    ]
    jobs = list(zip(spans, outs, taken, cut.equal, one, strict=True))
    in_parallel(partial(_write, key=cut.key), jobs, _RUN)


def write_few(segment: Segment, out: Array, k: int, infinity: int, one: int) -> bool:
    """The whole work for one small segment, where each call counts; False, with nothing written, if the cut is NaN."""
    size = len(segment.bits)
    keys = keys_of(Span(segment, 0, size), np.empty_like(segment.bits), flags := np.empty(size, np.bool_))
    key = np.partition(keys, k - 1)[k - 1]
    if key > infinity:
        return False
    stays = keys >= key
    at_key = k - size + int(np.count_nonzero(stays))
    stays[np.flatnonzero(keys == key)[:at_key]] = False
    if segment.mask is not None:
        np.greater(stays, flags, out=stays)
    np.copyto(out, stays)
    if one != 1:
        out *= out.dtype.type(one)
    return True


def _bracket(segments: Sequence[Segment], k: int, left: int, infinity: int) -> Bracket:
    if left <= FEW:
        return Bracket(0, infinity)
    sample = _sample(segments)
    size, share = len(sample), k / left
    apart = _DEVIATIONS * math.sqrt(size * share * (1 - share)) + 8
    first, last = math.floor(share * size - apart), math.ceil(share * size + apart)
    sample.partition([place for place in (first, last) if 0 <= place < size])
    low = min(int(sample[first]), infinity) if first >= 0 else 0  # NaNs are equal, their bits are not
    high = min(int(sample[last]), infinity) if last < size else infinity
    many = _TIED * size / _SAMPLE + 2
    return Bracket(low, high, *(bool(np.count_nonzero(sample == end) > many) for end in (low, high)))


def _sample(segments: Sequence[Segment]) -> Array:
    """Keys of elements taken at random, with repetition, from each segment its share of what the masks keep."""
    random = np.random.Generator(np.random.PCG64(0))
    total = sum(len(segment.bits) for segment in segments)
    share = min(_SAMPLE / total, 1 / 16)
    found = []
    for segment in segments:
        if not len(segment.bits):
            continue
        places = random.integers(len(segment.bits), size=int(len(segment.bits) * share + random.random()))
        bits = segment.bits[places]
        if segment.mask is not None:
            bits = bits[segment.mask[places] == segment.mask_one]
        found.append(bits & (np.iinfo(bits.dtype).max >> 1))
    return np.concatenate(found)


def _count(spans: Sequence[Span], bracket: Bracket) -> list[Found]:
    keys, flags = _buffers(spans)
    low, high = bracket.low + bracket.low_tied, bracket.high - bracket.high_tied
    found = []
    for span in spans:
        part = keys_of(span, keys, flags)
        flag = flags[: len(part)]
        below = int(np.count_nonzero(np.less(part, bracket.low, out=flag))) if bracket.low else 0
        at_low = int(np.count_nonzero(np.equal(part, bracket.low, out=flag))) if bracket.low_tied else 0
        at_high = 0
        if bracket.high_tied and bracket.high > bracket.low:
            at_high = int(np.count_nonzero(np.equal(part, bracket.high, out=flag)))
        inside = part[:0].copy()
        if low <= high:
            part -= part.dtype.type(low)  # what lies below wraps around to the greatest integers
            inside = part[np.less_equal(part, high - low, out=flag)] + part.dtype.type(low)
        found.append(Found(below, at_low, inside, at_high))
    return found


def _write(jobs: Sequence[tuple[Span, Array, int, int, int]], key: int) -> list[None]:
    keys, flags = _buffers([job[0] for job in jobs])
    masked = np.empty(len(flags), np.bool_)
    for span, out, taken, equal, one in jobs:
        part = keys_of(span, keys, flags)
        flag = masked[: len(part)]
        np.greater_equal(part, key, out=flag)
        if taken:
            at_key = np.equal(part, key, out=None) if taken < equal else None
            np.greater(part, key, out=flag)
            if at_key is not None:
                flag[np.flatnonzero(at_key)[taken:]] = True
        if span.segment.mask is not None:
            np.greater(flag, flags[: len(part)], out=flag)
        np.copyto(out, flag)
        if one != 1:
            out *= out.dtype.type(one)
    return []


def _buffers(spans: Sequence[Span]) -> tuple[Array, Array]:
    """Room for the keys of the longest span, and for a flag each."""
    longest = max(span.stop - span.start for span in spans)
    return np.empty(longest, spans[0].segment.bits.dtype), np.empty(longest, np.bool_)
