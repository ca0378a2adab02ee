"""What a recipe comes to on a checkpoint: which tensors each pattern takes, and what is wrong, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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

    `amount` is None where the method takes none. `passed_over` counts what the pattern matches and pruning by the
    method has no meaning for; `problem` says what is wrong, empty where nothing is.
    """

    pattern: str
    line: int | None
    amount: Amount | None
    names: tuple[str, ...] = ()
    elements: int = 0
    passed_over: int = 0
    problem: str = ""


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
    touched = {name for one in found for pattern in one.patterns for name in pattern.names}
    untouched = tuple(name for name, info in checkpoint.tensors.items() if is_candidate(info) and name not in touched)
    return RecipeMatch(found, tuple(problems), untouched)


def _round(
    one: RecipeRound, place: Place, lines: Mapping[Place, int], checkpoint: Checkpoint, problems: list[Problem]
) -> RoundMatch:
    before = len(problems)
    takes = takes_amount(one.method)
    places = {
        pattern: (*place, "amounts", pattern) if takes else (*place, "tensors", index)
        for index, pattern in enumerate(one.amounts)
    }
    wrong = {pattern: text for pattern in one.amounts if (text := _why_not(checkpoint, one, pattern))}
    problems += [Problem(text, line_at(lines, places[pattern])) for pattern, text in wrong.items()]
    for key, patterns in (
        ("exclude", list(one.exclude)),
        ("floors", list(one.floors)),
        ("ceilings", list(one.ceilings)),
    ):
        for index, pattern in enumerate(patterns):
            if text := _why_nothing(checkpoint, pattern):
                at = (*place, key, index if key == "exclude" else pattern)
                problems.append(Problem(text, line_at(lines, at)))
    plan = None
    if len(problems) == before:
        try:
            plan = one.plan(checkpoint)
        except PrunerError as error:
            problems.append(Problem(_without_path(checkpoint, error), line_at(lines, place)))
    rows = _rows(checkpoint, one, {name: line_at(lines, at) for name, at in places.items()}, wrong)
    return RoundMatch(one, tuple(rows), plan)


def _rows(
    checkpoint: Checkpoint, one: RecipeRound, lines: Mapping[str, int | None], wrong: Mapping[str, str]
) -> Iterator[PatternMatch]:
    """The patterns of a round; each tensor belongs to the last that takes it."""
    owner: dict[str, str] = {}
    passed_over: dict[str, int] = {}
    for pattern in one.amounts:
        if pattern in wrong:
            continue
        for info in matching(checkpoint, pattern):
            if info.name != pattern and (not is_candidate(info) or one.method.unfit(info)):
                passed_over[pattern] = passed_over.get(pattern, 0) + 1
            else:
                owner[info.name] = pattern
    for pattern in one.exclude:
        if not _why_nothing(checkpoint, pattern):
            for info in matching(checkpoint, pattern):
                owner.pop(info.name, None)
    taken: dict[str, list[str]] = {}
    for name in checkpoint.tensors:
        if name in owner:
            taken.setdefault(owner[name], []).append(name)
    for pattern, amount in one.amounts.items():
        names = tuple(taken.get(pattern, ()))
        yield PatternMatch(
            pattern,
            lines[pattern],
            amount if takes_amount(one.method) else None,
            names,
            sum(checkpoint[name].numel for name in names),
            passed_over.get(pattern, 0),
            wrong.get(pattern, ""),
        )


def _why_not(checkpoint: Checkpoint, one: RecipeRound, pattern: str) -> str:
    """Why a pattern of the amounts is wrong: it matches nothing, or names a tensor that cannot be pruned so."""
    try:
        for info in matching(checkpoint, pattern):
            if info.name == pattern:
                require_prunable(checkpoint, info)
                require_fit(checkpoint, info, one.method)
    except PrunerError as error:
        return _without_path(checkpoint, error)
    return ""


def _why_nothing(checkpoint: Checkpoint, pattern: str) -> str:
    try:
        matching(checkpoint, pattern)
    except PrunerError as error:
        return _without_path(checkpoint, error)
    return ""


def _without_path(checkpoint: Checkpoint, error: PrunerError) -> str:
    return str(error).removeprefix(f"{checkpoint.path}: ")
