"""What a round takes and leaves, as far as that is known before it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.choice import Choice
from pruner import Amount
from pruner.methods.l1_unstructured import L1Unstructured


@dataclass(frozen=True, slots=True)
class Outlook:
    """Zeros of a tensor, or of many: now, and when the planned round has run (None where only the round tells)."""

    numel: int
    now: int
    planned: int | None

    def __add__(self, other: Outlook) -> Outlook:
        unknown = self.planned is None or other.planned is None
        planned = None if unknown else (self.planned or 0) + (other.planned or 0)
        return Outlook(self.numel + other.numel, self.now + other.now, planned)


@dataclass(frozen=True, slots=True)
class Stock:
    """A tensor, or several that are pruned together, before the round.

    Of `numel` elements `pruned` are masked out and `zeros` are zero (None while they are not counted). An amount counts
    `units`, of which `left` are not pruned yet (None while they are not counted).
    """

    numel: int
    pruned: int
    zeros: int | None
    units: int
    left: int | None

    def __add__(self, other: Stock) -> Stock:
        return Stock(
            self.numel + other.numel,
            self.pruned + other.pruned,
            None if self.zeros is None or other.zeros is None else self.zeros + other.zeros,
            self.units + other.units,
            None if self.left is None or other.left is None else self.left + other.left,
        )


def pooled(stocks: Iterable[Stock]) -> Stock:
    """Several tensors as one."""
    return sum(stocks, Stock(0, 0, 0, 0, 0))


def left_for(choice: Choice, amount: Amount, stock: Stock) -> int | None:
    """The units that an amount counts from; None while they are not counted.

    For a target the zeros that no round has pruned are gone, too, where elements are counted.
    """
    if amount.is_target and not choice.counts_channels:
        return None if stock.zeros is None else stock.numel - stock.zeros
    return stock.left


def taken(choice: Choice, amount: Amount, stock: Stock) -> int | None:
    """How many units a round takes; None while that is not known. Raises `AmountValueError` as `Amount.count`."""
    left = left_for(choice, amount, stock)
    return None if left is None else amount.count(left, stock.units)


def zeros_after(choice: Choice, amount: Amount, stock: Stock) -> int | None:
    """Zeros when the round has run; None where only the round tells.

    An element that is pruned may have been zero before: how often that is, is known where no other zeros are left, for
    targets, which leave zeros alone, and for magnitudes, which take zeros first (with bounds not in every tensor).
    """
    count = taken(choice, amount, stock)
    if count is None or stock.zeros is None:
        return None
    if count == 0:
        return stock.zeros
    if choice.counts_channels:
        return count * (stock.numel // stock.units) if stock.zeros == 0 else None
    if amount.is_target or stock.zeros == stock.pruned:
        return stock.zeros + count
    if isinstance(choice.method, L1Unstructured) and not choice.bounded:
        return stock.zeros + max(0, count - (stock.zeros - stock.pruned))
    return None
