"""What a recipe comes to on a checkpoint: which tensors each pattern takes, and what is wrong, before anything runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.methods import takes_amount
from pruner.plan import Plan, is_candidate, matching, require_fit, require_prunable
from pruner.recipes.lines import Place, line_at
from pruner.recipes.problems import Problem
from pruner.recipes.rounds import RecipeRound


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """A pattern of a round and the tensors that it decides: those that a later pattern, or an exclusion, does not.

    With `excludes` it is an exclusion, and `names` are what it takes out of the round. `amount` is None there, and
    where the method takes none. `passed_over` counts what the pattern matches and pruning by the method has no meaning
    for; `problem` says what is wrong, empty where nothing is.
    """

    pattern: str
    line: int | None
    amount: Amount | None
    names: tuple[str, ...] = ()
    elements: int = 0
    passed_over: int = 0
    problem: str = ""
    excludes: bool = False


@dataclass(frozen=True)
class RoundMatch:
    """A round on a checkpoint: its patterns, and the plan that it gives, None where something is wrong."""

    round: RecipeRound
    patterns: tuple[PatternMatch, ...]
    plan: Plan | None


@dataclass(frozen=True)
class RecipeMatch:
    """A recipe on a checkpoint; it can run where there are no `problems`.

    `untouched` names the floating-point parameters that no round prunes.
    """

    rounds: tuple[RoundMatch, ...]
    problems: tuple[Problem, ...]
    untouched: tuple[str, ...]

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the rounds that have nothing wrong."""
        return tuple(one.plan for one in self.rounds if one.plan is not None)


def match(rounds: Sequence[RecipeRound], lines: Mapping[Place, int], checkpoint: Checkpoint) -> RecipeMatch:
    """What rounds come to on a checkpoint; `lines` are those of their text, and may be empty."""
    problems: list[Problem] = []
    found = tuple(_round(one, ("round", index), lines, checkpoint, problems) for index, one in enumerate(rounds))
    touched = {name for one in found for row in one.patterns if not row.excludes for name in row.names}
    untouched = tuple(name for name, info in checkpoint.tensors.items() if is_candidate(info) and name not in touched)
    return RecipeMatch(found, tuple(problems), untouched)


@dataclass(frozen=True)
class _Seen:
    """The tensors that a pattern matches; `why` there are none."""

    names: tuple[str, ...]
    why: str = ""


def _see(checkpoint: Checkpoint, pattern: str) -> _Seen:
    try:
        return _Seen(tuple(info.name for info in matching(checkpoint, pattern)))
    except PrunerError as error:
        return _Seen((), _without_path(checkpoint, error))


def _round(
    one: RecipeRound, place: Place, lines: Mapping[Place, int], checkpoint: Checkpoint, problems: list[Problem]
) -> RoundMatch:
    bounds = [(key, pattern) for key in ("floors", "ceilings") for pattern in getattr(one, key)]
    patterns = dict.fromkeys([*one.amounts, *one.exclude, *(pattern for _, pattern in bounds)])
    seen = {pattern: _see(checkpoint, pattern) for pattern in patterns}
    rows = tuple(_rows(checkpoint, one, seen, place, lines))
    wrong = [Problem(row.problem, row.line) for row in rows if row.problem]
    for key, pattern in bounds:
        if why := seen[pattern].why:
            wrong.append(Problem(why, line_at(lines, (*place, key, pattern))))
    plan = None
    if not wrong:
        try:
            plan = one.plan(checkpoint)
        except PrunerError as error:
            wrong.append(Problem(_without_path(checkpoint, error), line_at(lines, place)))
    problems += wrong
    return RoundMatch(one, rows, plan)


def _rows(
    checkpoint: Checkpoint, one: RecipeRound, seen: Mapping[str, _Seen], place: Place, lines: Mapping[Place, int]
) -> Iterator[PatternMatch]:
    """The patterns that prune, each with what it takes as the last that matches; then those that hold out."""
    takes = takes_amount(one.method)
    wrong = {pattern: _why_not(checkpoint, one, pattern, seen[pattern]) for pattern in one.amounts}
    owner: dict[str, str] = {}
    passed_over: Counter[str] = Counter()
    for pattern in one.amounts:
        for name in seen[pattern].names if not wrong[pattern] else ():
            info = checkpoint[name]
            if name != pattern and (not is_candidate(info) or one.method.unfit(info)):
                passed_over[pattern] += 1
            else:
                owner[name] = pattern
    excluded = {name for pattern in one.exclude for name in seen[pattern].names}
    taken: dict[str, list[str]] = {}
    for name in checkpoint.tensors:
        if name in owner and name not in excluded:
            taken.setdefault(owner[name], []).append(name)

    def row(pattern: str, at: Place, amount: Amount | None, names: Sequence[str], why: str) -> PatternMatch:
        elements = sum(checkpoint[name].numel for name in names)
        return PatternMatch(
            pattern, line_at(lines, (*place, *at)), amount, tuple(names), elements, passed_over[pattern], why
        )

    for index, (pattern, amount) in enumerate(one.amounts.items()):
        at: Place = ("amounts", pattern) if takes else ("tensors", index)
        yield row(pattern, at, amount if takes else None, taken.get(pattern, []), wrong[pattern])
    for index, pattern in enumerate(one.exclude):
        names = [name for name in seen[pattern].names if name in owner]
        found = row(pattern, ("exclude", index), None, names, seen[pattern].why)
        yield replace(found, passed_over=0, excludes=True)


def _why_not(checkpoint: Checkpoint, one: RecipeRound, pattern: str, seen: _Seen) -> str:
    """Why a pattern of the amounts is wrong: it matches nothing, or names a tensor that cannot be pruned so."""
    if seen.names != (pattern,):
        return seen.why
    try:
        require_prunable(checkpoint, checkpoint[pattern])
        require_fit(checkpoint, checkpoint[pattern], one.method)
    except PrunerError as error:
        return _without_path(checkpoint, error)
    return ""


def _without_path(checkpoint: Checkpoint, error: PrunerError) -> str:
    return str(error).removeprefix(f"{checkpoint.path}: ")
