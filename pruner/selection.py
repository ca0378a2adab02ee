"""The k smallest magnitudes: exact, in chunks, on any device.

Magnitudes of IEEE floats order like their bit patterns without the sign, so the bits are taken as an integer key. Few
keys are partitioned at once. Of many, a sample brackets the k-th smallest: one pass counts what lies below the bracket
and keeps what lies inside it, among which the k-th is found. Where there is no sample, or the bracket missed, a
histogram of the keys' leading bits tells the bucket of the k-th, and within it the next bits are counted, until the key
is known. Counts of chunks add up, so neither the chunks' size, nor the sample, nor the device changes the outcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

_DIGIT_BITS = 16
_FEW = 1 << 20
_MOST_INSIDE = 1 << 22
_DEVIATIONS = 6
"""How many standard deviations of a sample's rank the bracket is wide to each side: it misses once in 10⁹ times."""
Keys = Callable[[], Iterator["torch.Tensor"]]
KeyArray = npt.NDArray[Any]
SAMPLE = 1 << 20
"""Elements that a sample should have: the bracket then holds about half a percent of all."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the k smallest end: all keys below `key`, and the first `at_key` of the `equal` ones that equal it."""

    key: int
    at_key: int
    equal: int


def key_bits(dtype: torch.dtype) -> int:
    """How many bits the keys of a dtype have."""
    if dtype.is_complex:
        return dtype.itemsize * 4 - 1
    if dtype.is_floating_point and dtype.itemsize > 1:
        return dtype.itemsize * 8 - 1
    return dtype.itemsize * 8


def magnitude_keys(values: torch.Tensor) -> torch.Tensor:
    """Integers, at least 0, that order as the magnitudes of a one-dimensional tensor do.

    NaNs are all equal and above infinity, as torch's sort ranks them. Complex numbers order by their absolute value,
    integers by theirs; what does not fit an int64 (its own least value, the upper half of uint64) counts as the
    greatest int64.
    """
    import torch

    if values.is_complex():
        values = _absolute(values)
    if not values.is_floating_point():
        return _integer_keys(values)
    width = values.dtype.itemsize
    if width == 1:
        return _float8_keys(values)
    integer = _integer_of_width()[width]
    bits, sign_off, nan = values.view(integer), torch.iinfo(integer).max, _INFINITY[str(values.dtype)] + 1
    if bits.is_cpu:  # NumPy's one thread takes less time than torch's many need to wait for one another
        keys = np.bitwise_and(bits.numpy(), sign_off)
        return torch.from_numpy(np.minimum(keys, nan, out=keys))
    return (bits & sign_off).clamp_(max=nan)


def magnitude_of(key: int, dtype: torch.dtype) -> float:
    """The magnitude that a key of `magnitude_keys` stands for."""
    import torch

    if dtype.is_complex:
        dtype = dtype.to_real()
    if not dtype.is_floating_point:
        return float(key)
    if dtype.itemsize == 1 and key == _FLOAT8_NAN:
        return float("nan")
    return float(torch.tensor([key], dtype=_integer_of_width()[dtype.itemsize]).view(dtype).to(torch.float64))


def smallest(keys: Keys, k: int, bits: int, total: int, sample: torch.Tensor | None = None) -> Cut:
    """The cut below which the `k` smallest of `total` keys lie, 1 <= k <= total; keys have at most `bits` bits.

    `keys()` gives the same chunks each time: it is called once where there are few keys or `sample`, keys of elements
    from everywhere among them, brackets the k-th; else once more for every 16 bits.
    """
    if total <= _FEW:
        return _cut_within(np.concatenate([chunk.cpu().numpy() for chunk in keys()]), k)
    if sample is not None and len(sample):
        cut = _cut_by_bracket(keys, k, *_bracket(sample.cpu().numpy(), k / total))
        if cut is not None:
            return cut
    return _cut_by_histogram(keys, k, bits)


def _cut_within(keys: KeyArray, k: int) -> Cut:
    key = int(np.partition(keys, k - 1)[k - 1])
    below = int(np.count_nonzero(keys < key))
    return Cut(key, k - below, int(np.count_nonzero(keys == key)))


def _bracket(sample: KeyArray, share: float) -> tuple[int, int]:
    """Two keys between which the key of that rank, as a share of all, lies almost certainly."""
    size = len(sample)
    apart = _DEVIATIONS * math.sqrt(size * share * (1 - share)) + 16
    low, high = math.floor(share * size - apart), math.ceil(share * size + apart)
    ordered = np.partition(sample, sorted({max(low, 0), min(high, size - 1)}))
    greatest = int(np.iinfo(sample.dtype).max)
    return (int(ordered[low]) if low >= 0 else -1), (int(ordered[high]) if high < size else greatest)


def _cut_by_bracket(keys: Keys, k: int, low: int, high: int) -> Cut | None:
    """The cut, where it lies from `low` to `high` and not too many keys lie between them; None elsewhere."""
    below = up_to_low = up_to_high = held = 0
    inside: list[KeyArray] = []
    for chunk in keys():
        array = chunk.cpu().numpy()
        over = array > low
        up_to_low += len(array) - int(np.count_nonzero(over))
        below += int(np.count_nonzero(array < low))
        up_to_high += int(np.count_nonzero(array <= high))
        over &= array < high
        inside.append(array[over])
        held += len(inside[-1])
        if held > _MOST_INSIDE:
            return None
    if below < k <= up_to_low:
        return Cut(low, k - below, up_to_low - below)
    if up_to_low < k <= up_to_low + held:
        return _cut_within(np.concatenate(inside), k - up_to_low)
    if up_to_low + held < k <= up_to_high:
        return Cut(high, k - up_to_low - held, up_to_high - up_to_low - held)
    return None


def _cut_by_histogram(keys: Keys, k: int, bits: int) -> Cut:
    prefix, known, left, equal = 0, 0, k, 0
    while known < bits:
        width = _DIGIT_BITS if known else bits % _DIGIT_BITS or _DIGIT_BITS
        counts = _histogram(keys, prefix, known, bits - known - width, width)
        below = counts.cumsum(0)
        digit = int((below < left).sum())
        equal = int(counts[digit])
        left -= int(below[digit]) - equal
        prefix = (prefix << width) | digit
        known += width
    return Cut(key=prefix, at_key=left, equal=equal)


def _histogram(keys: Keys, prefix: int, known: int, shift: int, width: int) -> torch.Tensor:
    """How many of the keys with these `known` leading bits have each value in the next `width` of them."""
    import torch

    counts = torch.zeros(1 << width, dtype=torch.int64)
    for chunk in keys():
        digits = chunk >> shift if shift else chunk
        if known:
            digits = digits[(digits >> width) == prefix] & ((1 << width) - 1)
        counts += torch.bincount(digits, minlength=1 << width).cpu()
    return counts


_FLOAT8_NAN = 0x80
_INFINITY = {
    "torch.float64": 0x7FF0_0000_0000_0000,
    "torch.float32": 0x7F80_0000,
    "torch.float16": 0x7C00,
    "torch.bfloat16": 0x7F80,
}
"""The bits of infinity; those of every NaN are greater."""


def _integer_of_width() -> dict[int, torch.dtype]:
    import torch

    return {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _absolute(values: torch.Tensor) -> torch.Tensor:
    import torch

    if values.dtype == torch.complex32:
        return values.to(torch.complex64).abs().to(torch.float16)
    return values.abs()


def _float8_keys(values: torch.Tensor) -> torch.Tensor:
    """Every NaN, whatever its bits (the fnuz types have it where others have the negative zero), above all numbers."""
    import torch

    keys = values.view(torch.uint8) & 0x7F
    return torch.where(values.to(torch.float32).isnan(), _FLOAT8_NAN, keys).to(torch.int16)


def _integer_keys(values: torch.Tensor) -> torch.Tensor:
    import torch

    greatest = torch.iinfo(torch.int64).max
    if values.dtype == torch.uint64:
        signed = values.view(torch.int64)
        return torch.where(signed < 0, greatest, signed)
    wide = values.to(torch.int64)
    return torch.where(wide == torch.iinfo(torch.int64).min, greatest, wide.abs())
