"""Magnitudes counted in bins by the leading bits of their keys: one pass, in parts that add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pruner.keys import KeyArray, key_bits, magnitude_of

if TYPE_CHECKING:
    import torch

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SHIFTS = {2: 0, 4: 13, 8: 43}
"""Bits of a key that a bin leaves open, by the bytes of a float."""
_INFINITIES = {"torch.float64": 0x7FF << 52, "torch.float32": 0xFF << 23, "torch.float16": 0x7C00}
_INFINITIES["torch.bfloat16"] = 0x7F80
_EXACT_BITS = 17
"""Up to so many bits each integer has a bin of its own; wider ones share the bins of float64."""
_FEW = 1 << 13
"""Elements that are sorted sooner than their bins are looked through."""
_SCALE = 2.0**-64
"""What magnitudes are scaled by where their sum might leave the range of float64."""


class Bins(NamedTuple):
    """The bins that are not empty, the smallest first, and how many NaNs there are; see `pruner.curves.Curve`."""

    places: Ints
    counts: Ints
    lowest: Floats
    highest: Floats
    means: Floats
    nan: int


class Tally:
    """Counts and sums of every bin of a dtype, empty ones too."""

    def __init__(self, dtype: torch.dtype) -> None:
        import torch

        self._own = dtype.to_real() if dtype.is_complex else dtype
        self._wide_integers = not self._own.is_floating_point and key_bits(self._own) > _EXACT_BITS
        self._dtype = torch.float64 if self._wide_integers else self._own
        self._infinity = _INFINITIES.get(str(self._dtype))
        self._shift = _SHIFTS[self._dtype.itemsize] if self._infinity is not None else 0
        top = self._infinity if self._infinity is not None else 1 << key_bits(self._own)
        self._size = (top >> self._shift) + 3
        self._counts: Ints = np.zeros(0, np.int64)
        self._sums: Floats | None = None

    def count(self, keys: KeyArray) -> tuple[Ints, Floats | None]:
        """How many keys of magnitudes the first bins have, and the sums of these; it changes nothing."""
        places, weights = self._placed(keys)
        return _bincounts(places, weights)

    def add(self, counts: Ints, sums: Floats | None) -> None:
        """Add what `count` found."""
        if not len(self._counts):
            self._counts = np.zeros(self._size, np.int64)
            self._sums = np.zeros(self._size) if self._shift else None
        self._counts[: len(counts)] += counts
        if self._sums is not None and sums is not None:
            self._sums[: len(sums)] += sums

    def bins(self) -> Bins:
        """The bins that are not empty."""
        places = np.flatnonzero(self._counts)
        return self._bins(places, self._counts[places], None if self._sums is None else self._sums[places])

    def bins_of(self, keys: KeyArray) -> Bins:
        """Those of these keys alone; of few they are found without a look at empty bins."""
        at, weights = self._placed(keys)
        if len(keys) < _FEW:
            places, at = np.unique(at, return_inverse=True)
            return self._bins(places, *_bincounts(at, weights))
        counts, sums = _bincounts(at, weights)
        places = np.flatnonzero(counts)
        return self._bins(places, counts[places], None if sums is None else sums[places])

    def _bins(self, places: Ints, counts: Ints, sums: Floats | None) -> Bins:
        lowest, highest = self._edges(places)
        known, means = ~np.isnan(highest), highest
        if sums is not None:
            means = sums / counts / (1.0 if self._dtype.itemsize == 4 else _SCALE)
        nan = int(counts[~known].sum())
        return Bins(places[known], counts[known], lowest[known], highest[known], means[known], nan)

    def _placed(self, keys: KeyArray) -> tuple[Ints, Floats | None]:
        """The bin of each key, and its magnitude (scaled, for float64) where a bin has several."""
        if self._wide_integers:
            keys = keys.astype(np.float64).view(np.uint64)
        if not len(keys):
            return np.zeros(0, np.int64), None
        places = self._places(keys)
        if not self._shift or self._infinity is None:
            return places, None
        if keys.max() > self._infinity:  # a NaN of these bits is one that warns
            keys = np.minimum(keys, self._infinity)
        single = self._dtype.itemsize == 4
        return places, keys.view(np.float32).astype(np.float64) if single else keys.view(np.float64) * _SCALE

    def _places(self, keys: KeyArray) -> Ints:
        """The bin of each key: 0 is for zero, the others reach up to a key whose open bits are 0, and have it."""
        places = ((keys + ((1 << self._shift) - 1)) >> self._shift if self._shift else keys).astype(np.int64)
        if self._infinity is not None and keys.max() >= self._infinity:
            beyond = keys >= self._infinity
            places[beyond] = (self._infinity >> self._shift) + 1 + (keys[beyond].astype(np.int64) - self._infinity)
        return places

    def _edges(self, places: Ints) -> tuple[Floats, Floats]:
        """The least and the greatest magnitude that each of the bins may have."""
        if self._infinity is None:
            alone = np.array([magnitude_of(int(place), self._own) for place in places], np.float64)
            return alone, alone
        top = self._infinity >> self._shift
        beyond = self._infinity + places - top - 1
        highest = np.where(places > top, beyond, np.minimum(places << self._shift, self._infinity - 1))
        lowest = np.where(places > 0, (np.maximum(places, 1) - 1 << self._shift) + 1, 0)
        return self._magnitudes(np.where(places > top, beyond, lowest)), self._magnitudes(highest)

    def _magnitudes(self, keys: Ints) -> Floats:
        import torch

        integer: Any = {2: torch.int16, 4: torch.int32, 8: torch.int64}[self._dtype.itemsize]
        found: Floats = torch.from_numpy(keys).to(integer).view(self._dtype).to(torch.float64).numpy()
        return found


def _bincounts(places: Ints, weights: Floats | None) -> tuple[Ints, Floats | None]:
    sums = None if weights is None else np.bincount(places, weights).astype(np.float64, copy=False)
    return np.bincount(places), sums
