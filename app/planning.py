"""What becomes of the tensors that take part, and of their amounts, when a user plans or chooses something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app import numbers
from app.amount_text import written
from app.choice import Choice
from app.messages import Message
from app.next_round import Entries, NextRound
from pruner import Amount, AmountValueError, PrunerError


def what(names: Iterable[str]) -> str:
    """Tensors in a label: the name of one, the number of several."""
    names = list(names)
    return names[0] if len(names) == 1 else numbers.plural(len(names), "tensor")


def given(planned: NextRound, names: Iterable[str], amount: Amount) -> Entries:
    """The entries when tensors are given an amount; with one amount for all together, all have it then.

    Those that the method does not fit are left as they are. Raises `PrunerError` with the tensor and the reason where
    that is all of them, or where the amount does not fit one of the others.
    """
    fit = fitting(planned, names)
    if planned.choice.together:
        have = {name for name, one in planned.entries.items() if one is not None}
        together = dict.fromkeys([*have, *fit])
        if why := planned.too_many_of(together, amount):
            raise AmountValueError(f"{numbers.plural(len(together), 'tensor')} together: {why}.")
        return {**planned.entries, **dict.fromkeys(together, amount)}
    for name in fit:
        if why := planned.too_many(name, amount):
            raise AmountValueError(f"“{name}”: {why}.")
    return {**planned.entries, **dict.fromkeys(fit, amount)}


def taken_in(planned: NextRound, names: Iterable[str]) -> Entries:
    """The entries when tensors take part; an amount that one has stays. Raises as `given` where none fits."""
    return {**planned.entries, **{name: planned.entries.get(name) for name in fitting(planned, names)}}


def fitting(planned: NextRound, names: Iterable[str]) -> list[str]:
    """Those of the tensors that the method fits; raises `PrunerError` with the first reason where none does."""
    names = list(names)
    fit = [name for name in names if not planned.unfit(name)]
    if names and not fit:
        title = planned.choice.kind.title
        raise PrunerError(f"{title} does not fit “{names[0]}”: {planned.unfit(names[0])}.")
    return fit


def passed_over(planned: NextRound, names: Iterable[str]) -> str:
    """What to tell of those of the tensors that the method does not fit; empty where it fits all."""
    found = {name: why for name in names if (why := planned.unfit(name))}
    if not found:
        return ""
    name, why = next(iter(found.items()))
    others = f", and {numbers.plural(len(found) - 1, 'other')}" if len(found) > 1 else ""
    return f"Passed over: {planned.choice.kind.title} does not fit “{name}”, {why}{others}."


def still_fitting(planned: NextRound, entries: Entries) -> Entries:
    """Those of the entries that would be planned, or wait for an amount."""
    trial = replace(planned, entries=entries)
    return {name: amount for name, amount in entries.items() if not trial.why_not(name)}


def united(entries: Entries, first: str | None) -> Entries:
    """The entries with one amount, for methods that count over all together: that of `first`, or the first there is."""
    amounts = {amount for amount in entries.values() if amount is not None}
    if len(amounts) < 2:
        return entries
    own = entries.get(first) if first is not None else None
    one = own if own is not None else next(amount for amount in entries.values() if amount is not None)
    return {name: one if amount is not None else None for name, amount in entries.items()}


def switched(planned: NextRound, choice: Choice, current: str | None) -> tuple[Entries, Message | None]:
    """The entries under another choice, and what to tell of what became of the amounts."""
    old, entries = planned.choice, planned.entries
    if not choice.takes_amount:
        return entries, None
    if choice.together:
        return _together(entries, old, current)
    if old.together and old.kind is choice.kind:
        return _apart(planned)
    if _has_counts(entries) and old.takes_amount and old.unit != choice.unit:
        return entries, Message("info", f"Amounts that are counts now count {choice.unit}s.")
    return entries, None


def _together(entries: Entries, old: Choice, current: str | None) -> tuple[Entries, Message | None]:
    one = united(entries, current)
    if one is not entries:
        amount = next(amount for amount in one.values() if amount is not None)
        text = f"The amounts differed: {written(amount)} now holds for all tensors together. Undo brings them back."
        return one, Message("warning", text)
    if _has_counts(entries) and not old.together:
        return one, Message("info", "The count now holds for all tensors together.")
    return one, None


def _apart(planned: NextRound) -> tuple[Entries, Message | None]:
    """One count of all together becomes the share that it is of them, in each."""
    amount, count, left = planned.amount_of_all, planned.count_of_all, planned.left_of_all
    if amount is None or amount.is_ratio or amount.is_target or not count or not left:
        return planned.entries, None
    share = Amount(round(count / left, 6))
    text = f"{numbers.count(count)} of all tensors together became {written(share)} of each."
    return {name: share if one is not None else None for name, one in planned.entries.items()}, Message("info", text)


def _has_counts(entries: Mapping[str, Amount | None]) -> bool:
    return any(one is not None and not one.is_ratio and not one.is_target for one in entries.values())
