"""The planes of a pair: each side's values as they count, and how far apart they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.pairs.measure import apart_of
from pruner.pairs.names import Side
from pruner.pairs.values import Both, Values, is_coarse, wide
from pruner.pyramid import Area, Layout, Plane
from pruner.pyramid.plane import Floats

if TYPE_CHECKING:
    import torch

_LARGEST = float(np.finfo(np.float32).max)
_LEAST = np.finfo(np.float32).smallest_subnormal


@dataclass(frozen=True, eq=False)
class SidePlane(Plane):
    """One side of a pair: 0 where the mask tensor `times` is 0, or where `pruned` says so.

    With `exact`, values are float64, or complex128, where float32 is too coarse for either side.
    """

    times: Plane | None = None
    pruned: Plane | None = None
    exact: bool = False

    @classmethod
    def of_side(
        cls,
        checkpoint: Checkpoint,
        side: Side,
        product: bool,
        pruned: Mask | None,
        exact: bool,
        layout: Layout | None,
    ) -> SidePlane:
        """The plane of a side as `Both` counts it."""
        info, mask = checkpoint[side.name], side.mask if product else None
        times = Plane(checkpoint, checkpoint[mask], None, chosen=layout) if mask is not None else None
        gone = Plane(checkpoint, info, pruned, chosen=layout) if pruned is not None else None
        return cls(checkpoint, info, None, times, gone, exact, chosen=layout)

    @property
    def streamed(self) -> bool:
        """Whether the values, or the mask, can only be read from the first element on."""
        return super().streamed or (self.times is not None and self.times.streamed)

    def convert(self, values: torch.Tensor) -> Floats:
        """Values of the file as those of the plane."""
        return wide(values) if self.exact else super().convert(values)

    def values(self, area: Area) -> Floats:
        """The elements of an area, as `Plane.values` gives them."""
        found = super().values(area)
        if self.times is not None:
            found = np.where(self.times.values(area) != 0, found, found.dtype.type(0))
        if self.pruned is not None:
            found = np.where(self.pruned.kept(area), found, found.dtype.type(0))
        return found

    def runs(self, elements: int) -> Iterator[Callable[[], Floats]]:
        """Functions that give all elements by flat index, so many (a multiple of 8) at a time."""
        factors = self.times.runs(elements) if self.times is not None else None
        for place, run in enumerate(super().runs(elements)):
            yield partial(self._run, run, next(factors) if factors is not None else None, place * elements)

    def _run(self, run: Callable[[], Floats], factor: Callable[[], Floats] | None, start: int) -> Floats:
        found = run()
        if factor is not None:
            found = np.where(factor() != 0, found, found.dtype.type(0))
        if self.pruned is not None and self.pruned.mask is not None:
            kept = self.pruned.mask.chunk(start, start + len(found))
            found = np.where(kept, found, found.dtype.type(0))
        return found


@dataclass(frozen=True, eq=False)
class ApartPlane(Plane):
    """How far apart two sides are, a − b as float32: exactly 0 where they are equal, and nowhere else.

    What float32 would round to 0 becomes its smallest number, and a NaN on one side alone infinite.
    """

    a: SidePlane
    b: SidePlane

    @property
    def streamed(self) -> bool:
        """Whether one side can only be read from the first element on."""
        return self.a.streamed or self.b.streamed

    def values(self, area: Area) -> Floats:
        """The differences of an area, float32 of (rows, columns)."""
        return _narrow(self.a.values(area), self.b.values(area))

    def runs(self, elements: int) -> Iterator[Callable[[], Floats]]:
        """Functions that give all differences by flat index, so many (a multiple of 8) at a time."""
        for one, other in zip(self.a.runs(elements), self.b.runs(elements), strict=True):
            yield partial(_between, one, other)


def planes(both: Both, layout: Layout | None = None) -> tuple[SidePlane, SidePlane, ApartPlane]:
    """The planes of A, of B and of the difference; both tensors have one shape. `layout` is None for the usual one."""

    def sides(exact: bool) -> tuple[SidePlane, SidePlane]:
        product = both.pair.product
        return (
            SidePlane.of_side(both.first, both.a, product, both.pruned, exact, layout),
            SidePlane.of_side(both.second, both.b, product, None, exact, layout),
        )

    info = both.infos[0]
    return *sides(False), ApartPlane(both.first, info, None, *sides(any(map(is_coarse, both.infos))), chosen=layout)


def _between(one: Callable[[], Floats], other: Callable[[], Floats]) -> Floats:
    return _narrow(one(), other())


def _narrow(a: Values, b: Values) -> Floats:
    unequal = (a != b) & ~(np.isnan(a) & np.isnan(b))
    apart = np.where(unequal, apart_of(a, b), 0)
    if apart.dtype == np.float64:
        finite = np.isfinite(apart)
        np.clip(apart, -_LARGEST, _LARGEST, out=apart, where=finite)
    found = apart.astype(np.float32, copy=False)
    found[np.isnan(found)] = np.inf
    lost = unequal & (found == 0)
    if lost.any():
        found[lost] = np.where(apart[lost] < 0, -_LEAST, _LEAST)
    return found
