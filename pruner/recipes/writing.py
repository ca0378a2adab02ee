"""From rounds to the text of a recipe, and from a plan to a round."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.methods import options_of, takes_amount
from pruner.plan import Plan, is_candidate
from pruner.recipes.patterns import patterns_of
from pruner.recipes.reading import VERSION
from pruner.recipes.rounds import NO_AMOUNT, RecipeRound

_NO_NOTES: Mapping[str, str] = {}


def round_of(checkpoint: Checkpoint, plan: Plan, comment: str = "") -> RecipeRound:
    """The round that gives this plan on this checkpoint, with patterns where they stand for names."""
    step = next(iter(plan.steps.values()))
    method = step.method
    universe = [name for name, info in checkpoint.tensors.items() if is_candidate(info) and not method.unfit(info)]
    takes = takes_amount(method)
    amounts, exclude = patterns_of(
        {name: one.amount if takes else NO_AMOUNT for name, one in plan.steps.items()}, universe
    )
    floors, _ = patterns_of({name: one.floor for name, one in plan.steps.items() if one.floor > 0}, plan.steps)
    ceilings, _ = patterns_of({name: one.ceiling for name, one in plan.steps.items() if one.ceiling < 1}, plan.steps)
    made = RecipeRound(amounts, method, plan.scope, exclude, floors, ceilings, comment)
    if _same(checkpoint, made, plan):
        return made
    return replace(
        made, amounts={name: one.amount if takes else NO_AMOUNT for name, one in plan.steps.items()}, exclude=()
    )


def _same(checkpoint: Checkpoint, made: RecipeRound, plan: Plan) -> bool:
    found = made.plan(checkpoint).steps
    takes = takes_amount(made.method)
    return found.keys() == plan.steps.keys() and all(
        (one.floor, one.ceiling, one.amount if takes else None)
        == (plan.steps[name].floor, plan.steps[name].ceiling, plan.steps[name].amount if takes else None)
        for name, one in found.items()
    )


def text_of(rounds: Sequence[RecipeRound], comment: str, folder: Path | None) -> str:
    """The TOML of rounds; files that lie in `folder` are named from there."""
    parts = [*_comment(comment), f"version = {VERSION}"]
    for one in rounds:
        parts += ["", *_comment(one.comment), "[[round]]", *_round(one, folder)]
    return "\n".join(parts) + "\n"


def _round(one: RecipeRound, folder: Path | None) -> Iterator[str]:
    yield f"method = {_quoted(one.method.name)}"
    for option in options_of(one.method):
        value = getattr(one.method, option.name)
        if value != option.default:
            yield f"{option.name} = {_value(_named_from(value, folder) if option.type is str else value)}"
    if one.scope != "local":
        yield f"scope = {_quoted(one.scope)}"
    if not takes_amount(one.method):
        yield from _list("tensors", list(one.amounts))
    if one.exclude:
        yield from _list("exclude", one.exclude)
    if takes_amount(one.method):
        yield from _table("amounts", one.amounts, one.notes)
    yield from _table("floors", {pattern: Amount(value) for pattern, value in one.floors.items()})
    yield from _table("ceilings", {pattern: Amount(value) for pattern, value in one.ceilings.items()})


def _list(key: str, patterns: Sequence[str]) -> Iterator[str]:
    if len(patterns) == 1:
        yield f"{key} = [{_quoted(patterns[0])}]"
        return
    yield f"{key} = ["
    yield from (f"    {_quoted(pattern)}," for pattern in patterns)
    yield "]"


def _table(key: str, amounts: Mapping[str, Amount], notes: Mapping[str, str] = _NO_NOTES) -> Iterator[str]:
    if not amounts:
        return
    yield f"[round.{key}]"
    for pattern, amount in amounts.items():
        counted = not amount.is_ratio and not amount.is_target
        note = "".join(f"  {line}" for line in _comment(notes.get(pattern, "")))
        yield f"{_quoted(pattern)} = {int(amount.value) if counted else _quoted(str(amount))}{note}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _named_from(file: str, folder: Path | None) -> str:
    """A file as the recipe names it: from its own folder where it lies there, so that both can move together."""
    if folder is None:
        return file
    whole = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow links
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)


def _quoted(text: str) -> str:
    """A basic string of TOML, which is a string of JSON where that escapes no surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        plain = "".join(char if char.isprintable() else " " for char in line)
        yield f"# {plain}".rstrip()
