"""How sensitive each parameter is to pruning by magnitude, as far as its values tell; one pass over them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.curves import Curve, curves_of
from pruner.elements import Elements, elements_of
from pruner.parallel import threads_here
from pruner.progress import Meter, Progress
from pruner.prune import Pruning
from pruner.sensitivity.costs import CostCurve

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_POINTS = 4096
"""Points of the curve that is kept of each parameter, 64 KiB."""
_EXACT_BYTES = 2
_PIECE = 1 << 18
"""Elements of a piece: what is counted of one stays in the cache."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What one ratio takes of a parameter.

    `count` elements are pruned, by torch's rounding, up to the magnitude `threshold` (None where none are). `l1` and
    `l2` are the shares of the norms that remain, in [0, 1]. `error` is the relative error of the layer's output:
    √(E‖ΔW x‖² / E‖W x‖²) for inputs x with E[x xᵀ] = I, where E‖W x‖² = tr(W E[x xᵀ] Wᵀ) = ‖W‖_F², so it is
    ‖ΔW‖_F / ‖W‖_F = √(1 − l2²). That is the Frobenius distortion of Lee et al. (Layer-adaptive Sparsity for the
    Magnitude-based Pruning, ICLR 2021, https://arxiv.org/abs/2010.07611). It holds for each output position of a
    convolution (x is the patch) and for each looked-up row of an embedding, on average. None for parameters of fewer
    than two dimensions, which multiply no input vector.
    """

    ratio: float
    count: int
    threshold: float | None
    l1: float
    l2: float
    error: float | None


@dataclass(frozen=True)
class Profile:
    """A parameter and what pruning takes of it.

    `left` of its elements are not pruned yet; ratios and shares are of these, NaN and infinite ones (`odd`) apart from
    the norms. `norm` is the L2 norm of what is left. `curve` has the lost share of the squared norm, 1 − l2², for any
    count of finite elements, at some 4,000 points.

    Counts are exact. Where `exact`, every magnitude is counted by itself, and shares are exact to rounding. In types of
    more than 16 bits magnitudes that differ by less than 0.2 % share a bin (see `pruner.curves`); a cut through one
    takes elements of its mean, so lost shares of the squared norm are off by less than 0.4 % of themselves, those of
    the L1 norm and errors by less than 0.2 %. Their thresholds are the bin's upper edge.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    left: int
    zeros: int
    odd: int
    norm: float
    exact: bool
    losses: tuple[Loss, ...]
    curve: CostCurve

    def error(self, lost: float) -> float | None:
        """The relative output error where a share of the squared norm is lost (see `Loss`)."""
        return math.sqrt(lost) if len(self.shape) > 1 else None


def profiles_of(
    checkpoint: Checkpoint,
    names: Sequence[str],
    ratios: Sequence[float] = RATIOS,
    *,
    after: Pruning | None = None,
    progress: Progress | None = None,
) -> tuple[Profile, ...]:
    """The profiles of parameters, in their order; `after` is what earlier rounds left of them.

    Values are read once, in pieces; what is kept of a parameter does not grow with it. Raises `PrunerError` where the
    file cannot be read or changed, and what `progress` raises.
    """
    ratios = tuple(Amount(float(ratio)).value for ratio in ratios)
    meter = Meter(sum(checkpoint[name].nbytes for name in names), progress)
    found = curves_of(_elements(checkpoint, names, after, meter), threads_here())
    curves = (curve for curve in found if curve is not None)
    return tuple(_profile(checkpoint, name, curve, ratios) for name, curve in zip(names, curves, strict=True))


def _elements(checkpoint: Checkpoint, names: Sequence[str], after: Pruning | None, meter: Meter) -> Iterator[Elements]:
    for name in names:
        mask = after[name].mask if after is not None and name in after else None
        found = elements_of(checkpoint, name, mask, passed=partial(_step, meter, name))
        yield replace(found, piece=_PIECE)


def _step(meter: Meter, name: str, nbytes: int) -> None:
    meter.step(nbytes, name)


def _profile(checkpoint: Checkpoint, name: str, curve: Curve, ratios: Sequence[float]) -> Profile:
    info = checkpoint[name]
    l1, l2, norm = _lost(curve)
    made = Profile(
        name=name,
        shape=info.shape,
        dtype=info.dtype,
        left=curve.left,
        zeros=curve.zeros,
        odd=curve.left - l2.most,
        norm=norm,
        exact=info.dtype_info.itemsize // (2 if info.dtype_info.family == "complex" else 1) <= _EXACT_BYTES,
        losses=(),
        curve=l2.thinned(_POINTS),
    )
    return replace(made, losses=tuple(_loss(made, curve, l1, l2, ratio) for ratio in ratios))


def _loss(profile: Profile, curve: Curve, l1: CostCurve, l2: CostCurve, ratio: float) -> Loss:
    count = Amount(ratio).count(curve.left)
    lost = l2.at(count)
    threshold = curve.of_count(count).threshold
    return Loss(ratio, count, threshold, 1 - l1.at(count), math.sqrt(1 - lost), profile.error(lost))


def _lost(curve: Curve) -> tuple[CostCurve, CostCurve, float]:
    """The lost shares of the L1 norm and of the squared L2 norm by count, and the L2 norm."""
    finite = np.isfinite(curve.means)
    counts, means = curve.counts[finite], curve.means[finite]
    largest = float(means.max(initial=0.0)) or 1.0
    means = means / largest  # so that no square leaves the range
    places = np.concatenate([[0], np.cumsum(counts)])
    l1, l2 = (np.concatenate([[0.0], np.cumsum(counts * power)]) for power in (means, means**2))
    norm = largest * math.sqrt(float(l2[-1]))
    return CostCurve(places, l1 / (l1[-1] or 1.0)), CostCurve(places, l2 / (l2[-1] or 1.0)), norm
