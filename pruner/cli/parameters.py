"""What the options of the verbs are written as: patterns with amounts, sparsities, names with values, sizes.

Each function makes a value of a text, or raises `click.BadParameter`; click takes it as the type of an option.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import click

from pruner.amount import Amount, sparsity_of
from pruner.cli.shared import one_line
from pruner.errors import AmountTypeError, AmountValueError

_Value = TypeVar("_Value")


def pattern_amount(text: str) -> tuple[str, Amount]:
    """PATTERN=AMOUNT; the last “=” parts them, since names may hold one."""
    pattern, sign, amount = text.rpartition("=")
    if not sign or not pattern:
        raise _wrong(f"“{text}” is not PATTERN=AMOUNT, such as '*.weight=30%'")
    try:
        return pattern, Amount.parse(amount)
    except (AmountTypeError, AmountValueError) as error:
        raise _wrong(str(error)) from None


def pattern_sparsity(text: str) -> tuple[str, float]:
    """PATTERN=SPARSITY; a sparsity is written as a ratio is."""
    pattern, sign, sparsity = text.rpartition("=")
    if not sign or not pattern:
        raise _wrong(f"“{text}” is not PATTERN=SPARSITY, such as 'conv1.*=10%'")
    try:
        return pattern, sparsity_of(sparsity)
    except (AmountTypeError, AmountValueError) as error:
        raise _wrong(str(error)) from None


def name_value(text: str) -> tuple[str, str]:
    """NAME=VALUE; the first “=” parts them, since paths may hold one."""
    name, _, value = text.partition("=")
    if not name.strip() or not value.strip():
        raise _wrong(f"“{text}” is not NAME=VALUE, such as dim=1")
    return name.strip(), value


def json_object(text: str) -> dict[str, Any]:
    """A JSON object: arguments by name."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(f"“{text}” is no JSON ({error}); write '{{\"width\": 64}}'") from None
    if not isinstance(found, dict):
        raise _wrong("a JSON object is needed, with the arguments by name, such as '{\"width\": 64}'")
    return found


def byte_size(text: str) -> int:
    """Bytes with a unit, as the Hugging Face libraries write them: 5GB is 5 · 10⁹, 5GiB is 5 · 2³⁰."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?) *([kmgt]?)(i?)b?", text.strip().lower())
    nbytes = int(float(match[1]) * (1024 if match[3] else 1000) ** " kmgt".index(match[2] or " ")) if match else 0
    if nbytes < 1:
        raise _wrong(f"“{text}” is no size, such as 5GB or 500MB")
    return nbytes


def ratio_list(text: str) -> tuple[float, ...]:
    """Ratios with commas between them: in percent, with the sign or without (`10,99.5`), or as shares below 1 (`.1`).

    They come in [0, 1], ascending, each once.
    """
    found = set()
    for part in text.split(","):
        try:
            number = Decimal(part.strip().removesuffix("%"))
        except InvalidOperation:
            raise _wrong(f"“{part.strip()}” is no ratio; write 10,20,50 (percent) or 0.1,0.2,0.5") from None
        percent = number.is_finite() and (part.strip().endswith("%") or number >= 1)
        ratio = number / 100 if percent else number
        if not (number.is_finite() and 0 <= ratio <= 1):
            raise _wrong(f"“{part.strip()}” is out of range: a ratio lies between 0 and 100%")
        found.add(float(ratio))
    return tuple(sorted(found))


def positive(text: str) -> float:
    """A finite number, 0 or above."""
    try:
        number = float(text)
    except ValueError:
        raise _wrong(f"“{text}” is no number, such as 0.2") from None
    if not 0 <= number < math.inf:
        raise _wrong(f"“{text}” is out of range: give 0 or above")
    return number


def read_by(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """A parameter's type by a function that reads amounts; what it raises becomes wrong usage."""

    def parse(text: str) -> _Value:
        try:
            return read(text)
        except (AmountTypeError, AmountValueError) as error:
            raise _wrong(str(error)) from None

    return parse


def _wrong(what: str) -> click.BadParameter:
    """The error for a text that cannot be read; click puts the option's name before it."""
    return click.BadParameter(one_line(what))


def last_wins(pairs: Iterable[tuple[str, _Value]]) -> dict[str, _Value]:
    """Values by name or pattern in the order given; one that is given again counts at its last place."""
    ordered: dict[str, _Value] = {}
    for key, value in pairs:
        ordered.pop(key, None)
        ordered[key] = value
    return ordered
