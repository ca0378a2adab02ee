"""What the next round would do to a tensor, in a cell, a line or a sentence."""

from __future__ import annotations

from app import numbers
from app.amount_text import brief, units, written
from app.next_round import NextRound
from pruner import Amount
from pruner.methods import described

UNFIT = "does not fit"


def amount_cell(planned: NextRound, name: str) -> str | None:
    """What is asked for and how much that is: `30 % = 65`, `100 el.`, `30 % of all`, `2:4`; None where nothing is."""
    if name not in planned.entries:
        return None
    if planned.why_not(name):
        return UNFIT
    amount = planned.entries[name]
    if not planned.choice.takes_amount:
        return brief(planned.choice)
    if amount is None:
        return None
    if planned.choice.together:
        return f"{written(amount)} of all"
    return _of_one(planned, name, amount)


def _of_one(planned: NextRound, name: str, amount: Amount) -> str:
    short = "ch." if planned.choice.counts_channels else "el."
    if not amount.is_ratio and not amount.is_target:
        return f"{written(amount)} {short}"
    count = planned.count(name)
    if count is None:
        return written(amount)
    return f"{written(amount)} = {numbers.count(count)}{f' {short}' if planned.choice.counts_channels else ''}"


def amount_note(planned: NextRound, name: str) -> str:
    """The same in a sentence; empty where nothing is asked for."""
    if name not in planned.entries:
        return ""
    if why := planned.why_not(name):
        return f"The next round passes it over: {why}."
    amount, choice = planned.entries[name], planned.choice
    if not choice.takes_amount:
        return f"{choice.kind.title} takes it without an amount."
    if amount is None:
        return ""
    if choice.together:
        return f"{written(amount)} of {numbers.plural(len(planned.planned), 'tensor')} together."
    count, left = planned.count(name), planned.left(name)
    if count is None or left is None:
        return ""
    return f"{written(amount)}: {numbers.count(count)} of {units(left, choice)} that are left."


def will_do(planned: NextRound, name: str) -> str:
    """What is planned for a tensor, in a line: `30 % = 346 of 1 152`, `30 % of all 5 tensors together`, `2:4`."""
    choice, amount = planned.choice, planned.planned[name]
    if not choice.takes_amount:
        return described(choice.method) if choice.method is not None else ""
    if choice.together:
        return f"{written(amount)} of all {numbers.plural(len(planned.planned), 'tensor')} together"
    count, left = planned.count(name), planned.left(name)
    if count is None or left is None:
        return written(amount)
    whole = units(left, choice) if choice.counts_channels else numbers.count(left)
    return f"{written(amount)} = {numbers.count(count)} of {whole}"
