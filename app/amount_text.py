"""Amounts, methods and what they come to, as the window writes and reads them."""

from __future__ import annotations

from pathlib import Path

from app import numbers
from app.choice import Choice
from pruner import Amount
from pruner.methods import Method, Scope, described
from pruner.methods.custom_from_mask import CustomFromMask
from pruner.methods.n_m import NM
from pruner.methods.threshold import Threshold

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


def method_text(method: Method) -> str:
    """A method with what tells it from others of its kind; of a file the name alone."""
    if isinstance(method, NM):
        return f"{method.n}:{method.m}" + (f" along dimension {method.dim}" if method.dim != 1 else "")
    if isinstance(method, Threshold):
        return f"{method.title} {numbers.figure(method.value)}"
    file = getattr(method, "file", None)
    return f"{method.title}: {Path(str(file)).name}" if file else described(method)


def brief(choice: Choice) -> str:
    """A method without an amount in a word, as a column of the tree has room for it."""
    method = choice.method
    if isinstance(method, NM):
        return f"{method.n}:{method.m}"
    if isinstance(method, Threshold):
        return f"|x| ≤ {numbers.figure(method.value)}"
    if isinstance(method, CustomFromMask):
        return "mask"
    return choice.kind.title if method is not None else "takes part"
