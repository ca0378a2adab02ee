"""Plain, slow and obviously right: what pruning is held against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pruner import Amount, Mask
from pruner.elements import Elements, elements_in
from pruner.methods import make_method
from pruner.rounds import Outcome, run_round

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
FLOAT8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)
FREE = (0.0, 1.0)
_SPECIAL = (0.0, -0.0, 1e-40, -1e-7, 0.5, -0.5, 240.0, 1e38, math.inf, -math.inf, math.nan)


def values_of(dtype: torch.dtype, shape: Sequence[int], seed: int, *, special: bool = True) -> torch.Tensor:
    """Random numbers, equal ones among them, and those that IEEE numbers are feared for."""
    generator = torch.Generator().manual_seed(seed)
    if not dtype.is_floating_point and not dtype.is_complex:
        most = min(torch.iinfo(dtype).max, 300)
        found = torch.randint(-most if dtype.is_signed else 0, most + 1, tuple(shape), generator=generator).to(dtype)
        if special and found.numel() > 2:  # the ends, and what is no neighbour in float64
            found.view(-1)[:2] = torch.tensor([torch.iinfo(dtype).min, torch.iinfo(dtype).max], dtype=dtype)
        return found
    found = torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
    if special:
        places = torch.randint(0, 3 * len(_SPECIAL), tuple(shape), generator=generator)
        for place, value in enumerate(_SPECIAL):
            found[places == place] = value
    if dtype.is_complex:
        found = torch.complex(found, torch.randn(tuple(shape), generator=generator, dtype=torch.float64))
    return found.to(dtype)


def magnitudes(values: torch.Tensor) -> list[float]:
    """The magnitude of each element, exact, as a Python number."""
    if values.is_complex():
        return values.abs().reshape(-1).double().tolist()
    if values.is_floating_point():
        return [abs(one) for one in values.reshape(-1).double().tolist()]
    return [abs(one) for one in values.reshape(-1).tolist()]


def in_order_of(numbers: Sequence[float]) -> list[int]:
    """The indices from the smallest on: NaN last, equal ones as they stand."""
    return sorted(range(len(numbers)), key=lambda i: (math.isnan(numbers[i]), numbers[i], i))


def kept_after(numbers: Sequence[float], kept: np.ndarray, k: int) -> np.ndarray:
    """Which elements stay when the `k` smallest of those that are kept go."""
    stays = kept.reshape(-1).copy()
    going = [i for i in in_order_of([math.nan if one != one else one for one in numbers]) if stays[i]][:k]
    stays[going] = False
    return stays.reshape(kept.shape)


def placed(
    values: torch.Tensor, mask: Mask | None = None, *, name: str = "w", piece: int = 1 << 20, threads: int = 1
) -> Elements:
    return replace(elements_in(values, mask, name=name), piece=piece, threads=threads)


def outcomes(
    method: str,
    amount: float | int | Amount,
    tensors: Sequence[Elements],
    bounds: Sequence[tuple[float, float]] | None = None,
    **options: Any,
) -> list[Outcome]:
    return run_round(make_method(method, options), Amount.of(amount), tensors, bounds or [FREE] * len(tensors), 1 << 26)


def pruned_by(
    method: str, amount: float | int | Amount, values: torch.Tensor, mask: Mask | None = None, **given: Any
) -> Mask:
    """The mask of one round on one tensor; `piece`, `threads` and `name` are the elements', the rest are options."""
    own = {key: given.pop(key) for key in ("piece", "threads", "name") if key in given}
    return outcomes(method, amount, [placed(values, mask, **own)], **given)[0].mask
