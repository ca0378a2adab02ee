"""Numbers and rounds in words, as a page shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pruner.methods import described, takes_amount
from pruner.plan import Plan, Step
from pruner.prune import Round

THIN = "\u202f"
"""A narrow space at which no line breaks."""
_NONE = "–"


def count(number: int | None) -> str:
    """All digits, in groups of three."""
    return _NONE if number is None else f"{number:,}".replace(",", THIN)


def percent(part: float | None, digits: int = 2) -> str:
    """A share of 1 in hundredths; what is not quite none or all is never rounded to it."""
    if part is None:
        return _NONE
    if part in (0, 1):
        return f"{100 * part:.0f}{THIN}%"
    least = 0.5 * 10 ** -(digits + 2)
    if 0 < part < least:
        return f"<{THIN}{10**-digits:g}{THIN}%"
    if 1 - least < part < 1:
        return f">{THIN}{100 - 10**-digits:g}{THIN}%"
    return f"{100 * part:.{digits}f}{THIN}%"


def figure(number: float | None) -> str:
    """Four significant digits."""
    if number is None:
        return _NONE
    return (f"{number:.4g}" if math.isfinite(number) else str(number)).replace("-", "−")


def shape(sizes: Sequence[int]) -> str:
    """Sizes with crosses between them."""
    return "×".join(map(str, sizes)) if sizes else "scalar"


def plural(number: int, one: str) -> str:
    """`1 tensor`, `12 tensors`."""
    return f"{count(number)} {one}{'s' * (number != 1)}"


def asked(one: Round | Step, scope: str) -> str:
    """How much was asked for; empty for methods that take no amount."""
    if not takes_amount(one.method):
        return ""
    return f"{one.amount} of all together" if scope == "global" else str(one.amount)


def round_words(one: Round) -> str:
    """A round on one tensor: `L1 unstructured, 30%`."""
    return ", ".join(part for part in (described(one.method), asked(one, one.scope)) if part)


def amounts_words(plan: Plan, most: int = 4) -> str:
    """The different amounts of a plan, in its order."""
    found = list(dict.fromkeys(asked(step, plan.scope) for step in plan.steps.values()))
    more = f" and {plural(len(found) - most, 'other')}" if len(found) > most else ""
    return ", ".join(found[:most]) + more
