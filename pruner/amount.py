"""How much to prune: a ratio or a count, by torch's rules."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pruner.errors import AmountTypeError, AmountValueError

_SPACES = str.maketrans("", "", " \u00a0\u2009\u202f_")


@dataclass(frozen=True, slots=True)
class Amount:
    """A ratio (float in [0, 1]) or a count (int, not negative) of elements to prune.

    The rules are those of `torch.nn.utils.prune`: the type decides, so `1` is one element and `1.0` is all.
    """

    value: float | int

    def __post_init__(self) -> None:
        """Check the value as torch's `_validate_pruning_amount_init` does.

        Raises `AmountTypeError` (a `TypeError`) for what is not a real number and `AmountValueError`
        (a `ValueError`) for a negative count or a ratio outside [0, 1].
        """
        value: object = self.value
        if not isinstance(value, numbers.Real):
            raise AmountTypeError(f"Amount {value!r} is not a number: give a ratio (0.3) or a count (1000).")
        if isinstance(value, numbers.Integral):
            object.__setattr__(self, "value", int(value))
            if self.value < 0:
                raise AmountValueError(f"Amount {value} is negative: a count starts at 0.")
            return
        object.__setattr__(self, "value", float(value))
        if not 0.0 <= self.value <= 1.0:
            raise AmountValueError(f"Amount {value} is no ratio: a ratio lies between 0.0 and 1.0.")

    @classmethod
    def of(cls, value: Amount | float | int) -> Amount:
        """An amount from a number, or the amount itself."""
        return value if isinstance(value, Amount) else cls(value)

    @classmethod
    def parse(cls, text: str) -> Amount:
        """An amount as people write it: `0.3` and `30%` are ratios, `1000` is a count, `1.0` is all.

        Spaces between thousands are allowed. Raises `AmountTypeError` for what is not a number and
        `AmountValueError` for a number out of range.
        """
        plain = text.translate(_SPACES)
        percent = plain.endswith("%")
        digits = plain.removesuffix("%")
        wrong = AmountTypeError(f"“{text}” is no amount: write a ratio (30% or 0.3) or a count (1000).")
        if not digits.isascii():
            raise wrong
        try:
            number = Decimal(digits)
        except InvalidOperation:
            raise wrong from None
        if not number.is_finite():
            raise wrong
        if percent:
            if not 0 <= number <= 100:
                raise AmountValueError(f"{text} is out of range: a ratio lies between 0% and 100%.")
            return cls(float(number / 100))
        if digits.lstrip("+-").isdigit():
            return cls(int(digits))
        if not 0 <= number <= 1:
            raise AmountValueError(
                f"{text} is out of range: a ratio lies between 0.0 and 1.0, a count has no decimal point."
            )
        return cls(float(number))

    @property
    def is_ratio(self) -> bool:
        """Whether the amount is a share of the elements, not a number of them."""
        return isinstance(self.value, float)

    def count(self, numel: int) -> int:
        """How many of `numel` elements are pruned: a ratio gives `round(ratio * numel)`, half to even.

        Raises `AmountValueError` for a count above `numel`.
        """
        if self.is_ratio:
            return round(self.value * numel)
        if self.value > numel:
            raise AmountValueError(f"{self.value} elements are more than the {numel} that can be pruned.")
        return int(self.value)

    def __str__(self) -> str:
        """The amount as it can be typed again: `30%`, `12.5%`, `1000`."""
        if not self.is_ratio:
            return str(self.value)
        percent = Decimal(repr(self.value)) * 100
        return f"{percent.normalize():f}%"
