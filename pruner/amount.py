"""How much to prune: a ratio or a count, by torch's rules, or the sparsity to arrive at."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pruner.errors import AmountTypeError, AmountValueError

_TO = "to"
_SPACES = str.maketrans("", "", " \u00a0\u2009\u202f_")


@dataclass(frozen=True, slots=True)
class Amount:
    """A ratio (float in [0, 1]) or a count (int, not negative) of elements to prune, or a target to arrive at.

    The rules are those of `torch.nn.utils.prune`: the type decides, so `1` is one element and `1.0` is all. A target
    (`is_target`) is the ratio of elements that are zero in the end, those that are already among them.
    """

    value: float | int
    is_target: bool = False

    def __post_init__(self) -> None:
        """Check the value as torch's `_validate_pruning_amount_init` does.

        Raises `AmountTypeError` (a `TypeError`) for what is not a real number and `AmountValueError`
        (a `ValueError`) for a negative count or a ratio outside [0, 1].
        """
        value: object = self.value
        if not isinstance(value, numbers.Real):
            raise AmountTypeError(f"Amount {value!r} is not a number: give a ratio (0.3) or a count (1000).")
        if isinstance(value, numbers.Integral) and not self.is_target:
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
    def target(cls, sparsity: float) -> Amount:
        """The amount that leaves so much sparsity, in [0, 1]; raises as `Amount` does."""
        return cls(sparsity, is_target=True)

    @classmethod
    def parse(cls, text: str) -> Amount:
        """An amount as people write it: `0.3` and `30%` are ratios, `1000` is a count, `to 80%` is a target.

        `1` is one element, `1.0` is all. Spaces between thousands are allowed. Raises `AmountTypeError` for what is not
        a number and `AmountValueError` for a number out of range.
        """
        plain = text.translate(_SPACES)
        if plain.lower().startswith(_TO):
            return cls._parse_target(text, plain[len(_TO) :])
        percent = plain.endswith("%")
        digits = plain.removesuffix("%")
        wrong = AmountTypeError(
            f"“{text}” is no amount: write a ratio (30% or 0.3), a count (1000) or a target (to 80%)."
        )
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

    @classmethod
    def _parse_target(cls, text: str, rest: str) -> Amount:
        sparsity = cls.parse(rest)
        if not sparsity.is_ratio:
            raise AmountTypeError(f"“{text}” is no target: write the sparsity to arrive at, as to 80% or to 0.8.")
        return cls.target(sparsity.value)

    @property
    def is_ratio(self) -> bool:
        """Whether the amount is a share of the elements, not a number of them; a target is neither."""
        return isinstance(self.value, float) and not self.is_target

    def count(self, left: int, numel: int | None = None) -> int:
        """How many of the `left` elements, of `numel` in all, are pruned.

        A ratio gives `round(ratio * left)`, half to even. A target gives what is missing of `round(sparsity * numel)`
        zeros, 0 where there are more already; `left` counts those that are not zero then. Raises `AmountValueError`
        for a count above `left`.
        """
        if self.is_target:
            whole = left if numel is None else numel
            return max(0, round(self.value * whole) - (whole - left))
        if self.is_ratio:
            return round(self.value * left)
        if self.value > left:
            raise AmountValueError(f"{self.value} elements are more than the {left} that can be pruned.")
        return int(self.value)

    def __eq__(self, other: object) -> bool:
        """Whether both prune as much of every tensor: `1` is not `1.0`."""
        return self._identity == other._identity if isinstance(other, Amount) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[type, float, bool]:
        return type(self.value), self.value, self.is_target

    def __str__(self) -> str:
        """The amount as it can be typed again: `30%`, `12.5%`, `1000`, `to 80%`."""
        if not self.is_ratio and not self.is_target:
            return str(self.value)
        percent = Decimal(repr(self.value)) * 100
        return f"{'to ' if self.is_target else ''}{percent.normalize():f}%"


def sparsity_of(text: str) -> float:
    """A sparsity in [0, 1] as people write it: `10%`, `0.1`; all is `100%` or `1.0`.

    Raises `AmountValueError` for a number out of range and `AmountTypeError` for what is no ratio.
    """
    try:
        found = Amount.parse(text)
    except AmountValueError:
        raise AmountValueError(f"{text} is out of range: a sparsity lies between 0% and 100%.") from None
    except AmountTypeError:
        found = None
    # “0” is the same as an amount and as a sparsity; “1” would be one element, and is refused.
    if found is None or not (found.is_ratio or (found.value == 0 and not found.is_target)):
        raise AmountTypeError(f"“{text}” is no sparsity: write 10% or 0.1; all is 100% or 1.0.")
    return float(found.value)
