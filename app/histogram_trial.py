"""What a threshold in the histogram would do to the tensor: computed while it is dragged, without Qt."""

from __future__ import annotations

import html
from dataclasses import dataclass

from app import numbers
from app.amount_text import written
from app.fitting import is_prunable
from app.next_round import NextRound
from app.plan_text import will_do
from pruner import Amount
from pruner.curves import Curve, Point
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.methods.threshold import Threshold

_MOST_DIGITS = 8
"""Decimals of a ratio, so that it can tell 100 million elements apart."""
NOTHING_YET = "drag the line to prune up to a magnitude"


@dataclass(frozen=True, slots=True)
class Trial:
    """A cut: `count` of the `left` elements that an amount counts from, up to the magnitude `threshold`.

    `count` is exact only if `exact`; `threshold` is None where nothing is pruned. `pruned` and `sparsity` are shares
    of all elements, `l1` and `l2` those of the norms that remain of what is left now. `asks` says in words what is
    asked for; `amount` or `value` is what the session is to be given for it.
    """

    asks: str
    count: int
    left: int
    threshold: float | None
    pruned: float
    sparsity: float
    l1: float
    l2: float
    amount: Amount | None = None
    value: float | None = None
    exact: bool = True


def is_draggable(planned: NextRound, name: str) -> bool:
    """Whether one magnitude cuts the tensor, which a user may choose."""
    if planned.checkpoint is None or not is_prunable(planned.checkpoint[name]) or planned.unfit(name):
        return False
    if isinstance(planned.choice.method, Threshold):
        return name in planned.planned
    return isinstance(planned.choice.method, L1Unstructured) and not planned.choice.together


def trial_at(planned: NextRound, name: str, curve: Curve, magnitude: float | None) -> Trial:
    """What the round would do if the line stood at a magnitude (None: before all of them)."""
    point = curve.at_most(magnitude)
    if isinstance(planned.choice.method, Threshold):
        return _by_value(planned, name, curve, curve.round_threshold(point.count), point)
    return _by_amount(planned, name, curve, amount_for(planned, name, curve, point.count), point)


def planned_trial(planned: NextRound, name: str, curve: Curve) -> Trial | None:
    """What the round does as it is planned; None where it cuts the tensor by no magnitude of its own."""
    if not is_draggable(planned, name) or name not in planned.planned:
        return None
    method, amount = planned.choice.method, planned.planned[name]
    if isinstance(method, Threshold):
        return _by_value(planned, name, curve, method.value, curve.at_most(method.value))
    gone = curve.zeros if amount.is_target else 0
    left, numel = curve.left - gone, planned.stock(name).numel
    count = amount.count(left, numel)
    return _by_amount(planned, name, curve, amount, curve.of_count(count + gone if count else 0))


def taken_now(planned: NextRound, name: str, curve: Curve) -> int:
    """How many of the smallest elements are zero or pruned when the round has run as it is planned."""
    trial = planned_trial(planned, name, curve)
    if trial is None:
        return 0
    if trial.value is not None:
        return curve.at_most(trial.value).count
    gone = curve.zeros if planned.planned[name].is_target else 0
    return trial.count + gone if trial.count else 0


def amount_for(planned: NextRound, name: str, curve: Curve, count: int) -> Amount:
    """The amount that prunes exactly the `count` smallest, as a ratio, a count or a target, as the tensor has now."""
    present, numel = planned.entries.get(name), planned.stock(name).numel
    if present is not None and present.is_target:
        zeros = numel - curve.left + curve.zeros
        wanted = zeros + max(0, count - curve.zeros)
        return next((one for one in map(Amount.target, _shares(wanted, numel)) if one.count(numel) == wanted), present)
    if present is not None and not present.is_ratio:
        return Amount(count)
    ratios = map(Amount, _shares(count, curve.left))
    return next((ratio for ratio in ratios if ratio.count(curve.left) == count), Amount(count))


def _shares(count: int, whole: int) -> list[float]:
    """A share with more and more decimals."""
    return [min(1.0, round(count / max(whole, 1), digits)) for digits in range(3, _MOST_DIGITS + 1)]


def _by_amount(planned: NextRound, name: str, curve: Curve, amount: Amount, point: Point) -> Trial:
    numel = planned.stock(name).numel
    pruned = numel - curve.left
    zeros = pruned + max(curve.zeros, point.count)
    count, left, threshold = point.count, curve.left, point.threshold
    if amount.is_target:  # it leaves zeros alone, and counts what is not zero
        count, left = max(0, count - curve.zeros), left - curve.zeros
        threshold = threshold if count else None
    gone = (pruned + count) / max(numel, 1)
    return Trial(written(amount), count, left, threshold, gone, zeros / max(numel, 1), point.l1, point.l2, amount)


def _by_value(planned: NextRound, name: str, curve: Curve, value: float, point: Point) -> Trial:
    numel = planned.stock(name).numel
    exactly = curve.count_exactly(value)
    pruned = numel - curve.left
    asks = f"|x| ≤ {numbers.figure(value)}"
    return Trial(
        asks,
        point.count,
        curve.left,
        value,
        (pruned + point.count) / max(numel, 1),
        (pruned + max(curve.zeros, point.count)) / max(numel, 1),
        point.l1,
        point.l2,
        value=value,
        exact=exactly == point.count,
    )


# In words, as rich text


def first_line(planned: NextRound, name: str, trial: Trial | None, threshold: float | None) -> str:
    """What is planned, or tried, and where it cuts; empty where nothing is."""
    if trial is None:
        if name not in planned.planned:
            return NOTHING_YET if is_draggable(planned, name) else ""
        cut = planned.choice.takes_amount and threshold is not None
        will = html.escape(will_do(planned, name))
        return f"{will} · threshold {numbers.figure(threshold)}" if cut else will
    text = f"{html.escape(trial.asks)} {comes_to(trial)}"
    found = trial.threshold if threshold is None else threshold
    if trial.value is not None or found is None:
        return text
    return f"{text} · threshold {numbers.figure(found)}"


def comes_to(trial: Trial) -> str:
    """How many elements that is: `= 346 of 1 152`; of what is not exact three digits."""
    count = f"= {numbers.count(trial.count)}" if trial.exact else f"≈ {numbers.short_count(trial.count)}"
    return f"{count} of {numbers.count(trial.left)}"


def second_line(trial: Trial | None) -> str:
    """What it leaves; empty where that is not known."""
    if trial is None:
        return ""
    parts = (("sparsity", trial.sparsity), ("L1 kept", trial.l1), ("L2 kept", trial.l2))
    return " · ".join(f"{title} {numbers.percent(share)}" for title, share in parts)


def zeros_text(zeros: int, pruned: int) -> str:
    """Zeros, counted apart from the bars; empty where there are none."""
    if not zeros + pruned:
        return ""
    text = numbers.plural(zeros + pruned, "zero")
    return f"{text}, {numbers.count(pruned)} of them pruned" if pruned else text
