"""From the text of a recipe to its rounds, or to all that is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pruner.amount import Amount, sparsity_of
from pruner.errors import PrunerError
from pruner.methods import Method, Option, Scope, make_method, methods, options_of, scopes_of, takes_amount
from pruner.plan import DEFAULT_METHOD
from pruner.recipes.lines import Place, line_at, lines_of
from pruner.recipes.problems import Problem, RecipeError, closest
from pruner.recipes.rounds import NO_AMOUNT, RecipeRound

VERSION = 1
ROUND_KEYS = ("method", "scope", "amounts", "tensors", "exclude", "floors", "ceilings")
_SCOPES: tuple[Scope, ...] = ("local", "global")
_Value = TypeVar("_Value")


def parse(text: str, name: str, folder: Path | None) -> tuple[tuple[RecipeRound, ...], Mapping[Place, int]]:
    """The rounds, and the lines of what they are made of; `folder` is where the files lie that options name.

    Raises `RecipeError` with all that is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(name, [_no_toml(str(error))]) from None
    except RecursionError:
        raise RecipeError(name, [Problem("it is nested too deep for a recipe.")]) from None
    lines = lines_of(text)
    reader = _Reader(lines, folder)
    rounds = reader.rounds(data)
    if reader.problems:
        raise RecipeError(name, reader.problems)
    return rounds, lines


def _no_toml(told: str) -> Problem:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", told, re.DOTALL)
    if found is None:
        return Problem(f"this is no TOML: {told}.")
    line = int(found[2]) if found[2] else None
    return Problem(f"this is no TOML: {found[1].lower()}{'' if line else ' at the end'}.", line)


class _Reader:
    """Reads what can be read, and notes what is wrong with the rest."""

    def __init__(self, lines: Mapping[Place, int], folder: Path | None) -> None:
        self._lines = lines
        self._folder = folder
        self.problems: list[Problem] = []

    def _wrong(self, place: Place, text: str) -> None:
        self.problems.append(Problem(text, line_at(self._lines, place)))

    def rounds(self, data: Mapping[str, Any]) -> tuple[RecipeRound, ...]:
        """The rounds of a whole document."""
        for key in data:
            if key not in ("version", "round"):
                hint = closest(key, ("version", "round")) or ". There are “version” and “[[round]]”."
                self._wrong((key,), f"“{key}” is not a key of a recipe{hint}")
        version = data.get("version", VERSION)
        if type(version) is not int or version != VERSION:
            self._wrong(("version",), f"version {version} is not known here; this Secateur reads version {VERSION}.")
        given = data.get("round", [])
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            self._wrong(("round",), "a round begins with “[[round]]”, in two brackets.")
        elif not given and not self.problems:
            self.problems.append(Problem("there is no round in it: each begins with “[[round]]”."))
        else:
            found = [self._round(("round", index), one) for index, one in enumerate(given)]
            return tuple(one for one in found if one is not None)
        return ()

    def _round(self, place: Place, given: Mapping[str, Any]) -> RecipeRound | None:
        before = len(self.problems)
        kind = self._kind(place, given)
        self._check_keys(place, given, kind)
        if kind is None:
            return None
        method = self._method(place, given, kind)
        scope = self._scope(place, given, kind)
        made = RecipeRound(
            self._amounts(place, given, kind),
            method or DEFAULT_METHOD,
            scope,
            self._patterns((*place, "exclude"), given.get("exclude", [])),
            self._table((*place, "floors"), given.get("floors", {}), _sparsity),
            self._table((*place, "ceilings"), given.get("ceilings", {}), _sparsity),
        )
        self._check_scope(place, made)
        return made if len(self.problems) == before else None

    def _kind(self, place: Place, given: Mapping[str, Any]) -> type[Method] | None:
        name = given.get("method", DEFAULT_METHOD.name)
        if isinstance(name, str) and name in methods():
            return methods()[name]
        hint = closest(str(name), methods()) or f". There are {', '.join(methods())}."
        self._wrong((*place, "method"), f"there is no method “{name}”{hint}")
        return None

    def _check_keys(self, place: Place, given: Mapping[str, Any], kind: type[Method] | None) -> None:
        kinds = [kind] if kind is not None else methods().values()
        options = list(dict.fromkeys(one.name for each in kinds for one in options_of(each)))
        for key in given:
            if key not in ROUND_KEYS and key not in options:
                hint = closest(key, (*ROUND_KEYS, *options))
                if not hint and kind is not None:
                    has = f"its options are {', '.join(options)}" if options else "it has no options"
                    hint = f", nor an option of {kind.name}; {has}."
                self._wrong((*place, key), f"“{key}” is not a key of a round{hint or '.'}")

    def _method(self, place: Place, given: Mapping[str, Any], kind: type[Method]) -> Method | None:
        options: dict[str, Any] = {}
        sound = True
        for one in options_of(kind):
            if one.name in given:
                value = self._tried((*place, one.name), self._option, one, given[one.name])
                sound = sound and value is not None
                options[one.name] = value
        return self._tried(place, make_method, kind.name, options) if sound else None

    def _option(self, one: Option, value: Any) -> Any:
        if one.type is str:
            if not isinstance(value, str):
                raise PrunerError(f"“{one.name}” is a text, in quotes.")
            return str(self._folder / value) if self._folder is not None else value
        if not isinstance(value, (str, int, float)):
            raise PrunerError(f"“{one.name}” is a number.")
        return one.parse(str(value))

    def _scope(self, place: Place, given: Mapping[str, Any], kind: type[Method]) -> Scope:
        scope = given.get("scope", "local")
        if scope not in _SCOPES:
            self._wrong((*place, "scope"), f"there is no scope “{scope}”; there are local and global.")
        elif scope not in scopes_of(kind):
            self._wrong((*place, "scope"), f"{kind.name} works in each tensor by itself: leave the scope out.")
        return "global" if scope == "global" else "local"

    def _amounts(self, place: Place, given: Mapping[str, Any], kind: type[Method]) -> Mapping[str, Amount]:
        wanted, other = ("amounts", "tensors") if takes_amount(kind) else ("tensors", "amounts")
        how = 'amounts = { "*.weight" = "30%" }' if wanted == "amounts" else 'tensors = ["*.weight"]'
        if other in given:
            takes = "an amount" if wanted == "amounts" else "no amount"
            self._wrong((*place, other), f"{kind.name} takes {takes}: write {how} in place of “{other}”.")
        elif not given.get(wanted) and given.get(wanted) in (None, [], {}):
            self._wrong((*place, wanted), f"the round says nothing of what to prune: write {how}.")
        elif wanted == "tensors":
            return dict.fromkeys(self._patterns((*place, "tensors"), given["tensors"]), NO_AMOUNT)
        else:
            return self._table((*place, "amounts"), given["amounts"], _amount)
        return {}

    def _patterns(self, place: Place, given: Any) -> tuple[str, ...]:
        if isinstance(given, list) and all(isinstance(one, str) for one in given):
            return tuple(given)
        self._wrong(place, f'“{place[-1]}” is a list of patterns, such as ["*.weight"].')
        return ()

    def _table(self, place: Place, given: Any, read: Callable[[Any], _Value]) -> dict[str, _Value]:
        if not isinstance(given, dict):
            self._wrong(place, f'“{place[-1]}” is a table of patterns, such as {{ "*.weight" = "30%" }}.')
            return {}
        found: dict[str, _Value] = {}
        for pattern, value in given.items():
            if isinstance(value, dict):
                whole = ".".join((pattern, *_inner(value)))
                self._wrong((*place, pattern), f'a pattern with a dot stands in quotes: "{whole}".')
            elif (one := self._tried((*place, pattern), read, value)) is not None:
                found[pattern] = one
        return found

    def _check_scope(self, place: Place, made: RecipeRound) -> None:
        if made.scope == "global":
            first = next(iter(made.amounts.values()), None)
            for pattern, amount in made.amounts.items():
                if amount != first:
                    text = f"with the scope global one amount counts over all tensors together: {first}, or {amount}?"
                    self._wrong((*place, "amounts", pattern), text)
            return
        for key, bounds in (("floors", made.floors), ("ceilings", made.ceilings)):
            if bounds:
                self._wrong((*place, key), f'“{key}” have a meaning with scope = "global" only.')

    def _tried(self, place: Place, make: Callable[..., _Value], *arguments: Any) -> _Value | None:
        """What is made, or None after noting why it cannot be."""
        try:
            return make(*arguments)
        except PrunerError as error:
            self._wrong(place, str(error))
            return None


def _amount(value: Any) -> Amount:
    return Amount.parse(value) if isinstance(value, str) else Amount(_number(value))


def _sparsity(value: Any) -> float:
    return sparsity_of(value if isinstance(value, str) else str(_number(value)))


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PrunerError(f"“{str(value).lower()}” is no amount: write a ratio (30% or 0.3) or a count (1000).")
    return value


def _inner(value: Mapping[str, Any]) -> Iterable[str]:
    """The keys of tables in one another, the first of each."""
    while isinstance(value, dict) and value:
        key = next(iter(value))
        yield key
        value = value[key]
