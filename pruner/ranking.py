"""What is to be pruned first: the units of tensors, ranked by integer keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING

from pruner.brackets import Sampled
from pruner.elements import Elements
from pruner.keys import key_bits, magnitude_of
from pruner.mask import Mask
from pruner.selection import Pieces

if TYPE_CHECKING:
    import torch


def _no_sample(count: int) -> Sampled | None:
    return None


def _same(mask: Mask) -> Mask:
    return mask


@dataclass(frozen=True, slots=True)
class Ranking:
    """The units (elements or channels) of one tensor, to be pruned from the smallest key on.

    `units` there are, and `left` of them are not pruned yet. `pieces()` gives their keys (see `pruner.selection`) of at
    most `bits` bits, those of pruned units being `pruned_key(bits)`, `sample(count)` some of them, and `threads` may
    work on pieces at a time. `mask_of` turns a mask over the units into one over the elements. `magnitude` is what a
    key stands for, None where that means nothing to people; `by_value` says that the units are elements whose key is 0
    where their value is.
    """

    units: int
    left: int
    bits: int
    pieces: Pieces
    sample: Callable[[int], Sampled | None] = _no_sample
    mask_of: Callable[[Mask], Mask] = _same
    magnitude: Callable[[int], float] | None = None
    by_value: bool = False
    threads: int = 1


def by_magnitude(tensors: Sequence[Elements], *, by_value: bool) -> list[Ranking]:
    """Elements by magnitude; several types are compared in the one that torch would promote them to."""
    dtype = _common([one.dtype for one in tensors])
    return [
        Ranking(
            one.numel,
            one.mask.kept,
            key_bits(dtype),
            partial(one.magnitudes, dtype),
            lambda count, one=one: one.sampled_magnitudes(count, dtype),  # type: ignore[misc]
            magnitude=partial(magnitude_of, dtype=dtype),
            by_value=by_value,
            threads=one.threads,
        )
        for one in tensors
    ]


def _common(dtypes: Sequence[torch.dtype]) -> torch.dtype:
    """The type that all of them can be compared in; torch promotes no float8, nor unsigned integers."""
    import torch

    if len(set(dtypes)) == 1:
        return dtypes[0]
    widened = [_promotable(one) for one in dtypes]
    return reduce(torch.promote_types, widened)


def _promotable(dtype: torch.dtype) -> torch.dtype:
    import torch

    if dtype.is_floating_point and dtype.itemsize == 1:
        return torch.float32
    return {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.float64}.get(dtype, dtype)
