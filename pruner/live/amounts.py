"""Amounts as torch takes them; see `pruner.Amount` for the rules."""

from __future__ import annotations

import numbers
from typing import Any

from pruner.errors import AmountTypeError, AmountValueError


def require_amount(amount: Any) -> None:
    """Raise for what is no amount: `TypeError` for what is no real number, `ValueError` for one out of range or NaN."""
    if not isinstance(amount, numbers.Real):
        raise AmountTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if not (int(amount) >= 0 if isinstance(amount, numbers.Integral) else 0.0 <= float(amount) <= 1.0):
        raise AmountValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
        )


def count_of(amount: Any, size: int) -> int:
    """How many of `size` units an amount is; `ValueError` where a count is more."""
    if not isinstance(amount, numbers.Integral):
        return int(round(amount * size))  # noqa: RUF046 - NumPy's numbers round to their own kind
    if int(amount) > size:
        raise AmountValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)
