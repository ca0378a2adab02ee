"""Amounts, methods and what they come to, as the window writes and reads them."""

from __future__ import annotations

from app import numbers
from app.choice import Choice
from pruner import Amount, methods
from pruner.methods import Scope

HINT = "30%, 1000 or to 80%"
"""What an empty field for an amount shows."""
SCOPES: dict[Scope, tuple[str, str]] = {
    "local": ("Per tensor", "An amount counts in each tensor by itself"),
    "global": ("All together", "One amount counts over all tensors that take part: some give more, some less"),
}
"""The scopes in the order in which they are offered: what they are called, and what they mean."""


def read_amount(text: str) -> Amount | None:
    """The amount that was typed; None for an empty text, which takes the amount away. Raises as `Amount.parse`."""
    return Amount.parse(text) if text.strip() else None


def written(amount: Amount) -> str:
    """An amount as the window shows it: `30 %`, `1 000`, `to 80 %`."""
    if amount.is_ratio or amount.is_target:
        return str(amount).replace("%", f"{numbers.THIN}%")
    return numbers.count(int(amount.value))


def units(n: int, choice: Choice) -> str:
    """`1 000 elements`, or `4 channels`."""
    return numbers.plural(n, choice.unit)


def brief(choice: Choice) -> str:
    """A method without an amount in a word, as a column of the tree has room for it."""
    return methods.brief(choice.method) if choice.method is not None else "takes part"
