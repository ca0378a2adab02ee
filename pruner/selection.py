"""The k smallest magnitudes: exact, in chunks, on any device.

Magnitudes of IEEE floats order like their bit patterns without the sign. So the bits are taken as an integer key, and a
histogram of the keys' leading bits tells the bucket of the k-th smallest; within it the next bits are counted, until
the key is known. Counts of chunks add up, so neither the chunks' size nor the device changes the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_DIGIT_BITS = 16
Keys = Callable[[], Iterator["torch.Tensor"]]


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
    infinity = int(torch.tensor(float("inf"), dtype=values.dtype).view(integer).item())
    return (values.view(integer) & torch.iinfo(integer).max).clamp_(max=infinity + 1)


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


def smallest(keys: Keys, k: int, bits: int) -> Cut:
    """The cut below which the `k` smallest keys lie, 1 <= k <= the number of keys; keys have at most `bits` bits.

    `keys()` gives the same chunks each time; it is called once for every 16 bits.
    """
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
