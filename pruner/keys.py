"""Magnitudes as integers: keys that order as the magnitudes do.

Magnitudes of IEEE floats order like their bit patterns without the sign, so the bits are taken as an integer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

KeyArray = npt.NDArray[Any]
"""Keys on the CPU: unsigned integers."""


def key_bits(dtype: torch.dtype) -> int:
    """How many bits the keys of a dtype have, with room for the key of what is pruned already."""
    if dtype.is_complex:
        return dtype.itemsize * 4 - 1
    if dtype.is_floating_point and dtype.itemsize > 1:
        return dtype.itemsize * 8 - 1
    return min(dtype.itemsize * 8 + 1, 63)


def pruned_key(bits: int) -> int:
    """The key of elements that earlier rounds have pruned: above every magnitude's."""
    return (1 << bits) - 1


def magnitude_keys(values: torch.Tensor) -> KeyArray | torch.Tensor:
    """Integers that order as the magnitudes of a one-dimensional tensor do; they are new memory.

    On the CPU a NumPy array of unsigned integers, elsewhere a tensor of signed ones on the same device. NaNs are all
    equal and above infinity, as torch's sort ranks them. Complex numbers order by their absolute value, integers by
    theirs; what does not fit (the upper half of uint64) counts as 2⁶³ - 2.
    """
    import torch

    if values.is_complex():
        values = _absolute(values)
    if not values.is_floating_point():
        return _on_host(_integer_keys(values))
    width = values.dtype.itemsize
    if width == 1:
        return _on_host(_float8_keys(values))
    integer = _SIGNED[width]
    bits, nan = values.view(getattr(torch, integer)), _INFINITY[str(values.dtype)] + 1
    sign_off = (1 << width * 8 - 1) - 1
    if bits.is_cpu:  # NumPy's one thread takes less time than torch's many need to wait for one another
        keys: KeyArray = np.bitwise_and(bits.numpy().view(f"u{width}"), sign_off)
        if len(keys) and keys.max() > nan:  # looking takes a sixth of the time
            np.minimum(keys, nan, out=keys)
        return keys
    return (bits & sign_off).clamp_(max=nan)


def magnitude_of(key: int, dtype: torch.dtype) -> float:
    """The magnitude that a key of `magnitude_keys` stands for."""
    import torch

    if dtype.is_complex:
        dtype = dtype.to_real()
    if not dtype.is_floating_point:
        return float(key)
    if dtype.itemsize == 1:
        return float("nan") if key == _FLOAT8_NAN else float(torch.tensor([key], dtype=torch.uint8).view(dtype).float())
    integer = getattr(torch, _SIGNED[dtype.itemsize])
    return float(torch.tensor([key], dtype=integer).view(dtype).to(torch.float64))


def key_at_most(magnitude: float, dtype: torch.dtype) -> int:
    """The greatest key of a dtype whose magnitude is at most the one given, -1 where there is none; NaNs are above."""
    if not dtype.is_floating_point and not dtype.is_complex:
        return min(math.floor(magnitude), pruned_key(key_bits(dtype)) - 1)
    real = dtype.to_real() if dtype.is_complex else dtype
    low, high = -1, _FLOAT8_NAN - 1 if real.itemsize == 1 else _INFINITY[str(real)]
    while low < high:
        middle = (low + high + 1) // 2
        if magnitude_of(middle, dtype) <= magnitude:
            low = middle
        else:
            high = middle - 1
    return low


_FLOAT8_NAN = 0x80
_SIGNED = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}
_GREATEST = (1 << 63) - 2
_INFINITY = {
    "torch.float64": 0x7FF0_0000_0000_0000,
    "torch.float32": 0x7F80_0000,
    "torch.float16": 0x7C00,
    "torch.bfloat16": 0x7F80,
}
"""The bits of infinity; those of every NaN are greater."""


def _on_host(keys: torch.Tensor) -> KeyArray | torch.Tensor:
    return keys.numpy().view(f"u{keys.dtype.itemsize}") if keys.is_cpu else keys


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

    if values.dtype == torch.uint64:
        signed = values.view(torch.int64)
        return torch.where(signed < 0, _GREATEST, signed).clamp_(max=_GREATEST)
    wide = values.to(torch.int64)
    return torch.where(wide == torch.iinfo(torch.int64).min, _GREATEST, wide.abs()).clamp_(max=_GREATEST)
