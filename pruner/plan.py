"""A plan: which tensors get which method and amount."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.errors import PrunerError, UnknownTensorError
from pruner.methods import Method, Scope, described, make_method, scopes_of
from pruner.methods.l1_unstructured import L1Unstructured
from pruner.reading import why_unreadable

DEFAULT_METHOD = L1Unstructured()


@dataclass(frozen=True, slots=True)
class Step:
    """What one tensor gets: an amount (of no meaning to methods that take none) and a method of `pruner.methods`.

    With the scope `global` the tensor's sparsity, by its masks, ends between `floor` and `ceiling`, both in [0, 1].
    Raises `PrunerError` where they are not.
    """

    amount: Amount
    method: Method = DEFAULT_METHOD
    floor: float = 0.0
    ceiling: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= self.ceiling <= 1:
            raise PrunerError(
                f"a floor of {self.floor:.0%} and a ceiling of {self.ceiling:.0%} leave no room: both lie between 0 "
                "and 100 %, and the floor is not above the ceiling."
            )


@dataclass(frozen=True)
class Plan:
    """Steps by tensor name, in the order in which they are applied.

    With the scope `global` the one amount that all steps have counts over all tensors together. `passed_over` names
    what patterns with wildcards matched but pruning has no meaning for, or not by default: buffers, integer and other
    tensors that are not floating-point, and those that the method does not fit.
    """

    steps: Mapping[str, Step]
    passed_over: tuple[str, ...] = field(default=())
    scope: Scope = "local"

    def __post_init__(self) -> None:
        """Raise `PrunerError` where the scope and the steps do not go together."""
        if self.scope == "local":
            if any((step.floor, step.ceiling) != (0, 1) for step in self.steps.values()):
                raise PrunerError("A floor or a ceiling of sparsity has a meaning with the scope global only.")
            return
        if self.scope != "global":
            raise PrunerError(f"There is no scope “{self.scope}”; there are local and global.")
        for step in self.steps.values():
            if "global" not in scopes_of(step.method):
                raise PrunerError(f"{step.method.title} works in each tensor by itself; its scope is local.")
        if len({(step.amount, step.method) for step in self.steps.values()}) > 1:
            raise PrunerError("With the scope global one amount and one method hold for all tensors; give one of each.")

    @classmethod
    def match(
        cls,
        checkpoint: Checkpoint,
        amounts: Mapping[str, Amount | float | int],
        *,
        exclude: Iterable[str] = (),
        method: str | Method = DEFAULT_METHOD,
        options: Mapping[str, Any] | None = None,
        scope: Scope = "local",
        floors: Mapping[str, float] | None = None,
        ceilings: Mapping[str, float] | None = None,
    ) -> Plan:
        """The plan that gives each tensor the amount of the last pattern that matches its whole name.

        A pattern is a shell pattern (`*.weight`), or a name in full. `method` is one of `pruner.methods`, or its name,
        with its `options`; one that takes no amount prunes what the patterns match. `floors` and `ceilings` are
        sparsities by pattern, for the scope `global`.

        Raises `UnknownTensorError` where a pattern matches nothing, `PrunerError` where a tensor named in full cannot
        be pruned, nothing is left to prune, or method, options and scope do not go together, and `AmountTypeError` or
        `AmountValueError` for a wrong amount.
        """
        made = make_method(method, options) if isinstance(method, str) else method
        chosen, passed_over = _chosen(checkpoint, amounts, made)
        for pattern in exclude:
            for info in matching(checkpoint, pattern):
                chosen.pop(info.name, None)
        if not chosen and amounts:
            raise _nothing_left(checkpoint, amounts, made, passed_over)
        bounded = _with_bounds(checkpoint, chosen, floors or {}, ceilings or {})
        ordered = {name: bounded[name] for name in checkpoint.tensors if name in bounded}
        return cls(ordered, tuple(name for name in passed_over if name not in ordered), scope)


def _chosen(
    checkpoint: Checkpoint, amounts: Mapping[str, Amount | float | int], method: Method
) -> tuple[dict[str, Step], list[str]]:
    """The step of each tensor by the last pattern that matches it, and the names that patterns passed over."""
    chosen: dict[str, Step] = {}
    passed_over: dict[str, None] = {}
    for pattern, amount in amounts.items():
        step = Step(Amount.of(amount), method)
        for info in matching(checkpoint, pattern):
            if info.name == pattern:
                require_prunable(checkpoint, info)
                require_fit(checkpoint, info, method)
            elif not is_candidate(info) or method.unfit(info):
                passed_over.setdefault(info.name)
                continue
            chosen[info.name] = step
    return chosen, list(passed_over)


def _nothing_left(
    checkpoint: Checkpoint, patterns: Iterable[str], method: Method, passed_over: Sequence[str]
) -> PrunerError:
    quoted = ", ".join(f"“{pattern}”" for pattern in patterns)
    reasons = (f": “{name}”, {why}" for name in passed_over if (why := method.unfit(checkpoint[name])))
    return PrunerError(
        f"{checkpoint.path}: nothing to prune: {quoted} leaves no floating-point parameter that {method.title} fits "
        f"({len(passed_over)} passed over{next(reasons, '')})."
    )


def _with_bounds(
    checkpoint: Checkpoint, chosen: Mapping[str, Step], floors: Mapping[str, float], ceilings: Mapping[str, float]
) -> dict[str, Step]:
    """The steps with the floor and the ceiling of the last pattern that matches the tensor."""
    bounds = {name: {"floor": step.floor, "ceiling": step.ceiling} for name, step in chosen.items()}
    for side, patterns in (("floor", floors), ("ceiling", ceilings)):
        for pattern, sparsity in patterns.items():
            names = [info.name for info in matching(checkpoint, pattern) if info.name in chosen]
            if not names:
                raise PrunerError(f"{checkpoint.path}: the {side} of “{pattern}” matches no tensor that is pruned.")
            for name in names:
                bounds[name][side] = float(sparsity)
    try:
        return {
            name: replace(step, floor=bounds[name]["floor"], ceiling=bounds[name]["ceiling"])
            for name, step in chosen.items()
        }
    except PrunerError as error:
        raise PrunerError(f"{checkpoint.path}: {error}") from None


def is_candidate(info: TensorInfo) -> bool:
    """Whether patterns choose the tensor: floating-point, and not known to be a buffer."""
    return info.prunable and info.dtype_info.family == "float" and info.kind != "buffer"


def matching(checkpoint: Checkpoint, pattern: str) -> list[TensorInfo]:
    """The tensors whose whole name fits the pattern; a name in full fits itself, whatever characters it has.

    Raises `UnknownTensorError` with the closest names where there is none.
    """
    if pattern in checkpoint.tensors:
        return [checkpoint.tensors[pattern]]
    found = [info for name, info in checkpoint.tensors.items() if fnmatchcase(name, pattern)]
    if not found:
        close = difflib.get_close_matches(pattern, checkpoint.tensors, n=3, cutoff=0.4)
        hint = f" Close names: {', '.join(close)}." if close else ""
        raise UnknownTensorError(f"{checkpoint.path}: “{pattern}” matches no tensor.{hint}")
    return found


def require_prunable(checkpoint: Checkpoint, info: TensorInfo) -> None:
    """Raise `PrunerError` where pruning the tensor has no meaning."""
    if not info.readable:
        raise PrunerError(f"{checkpoint.path}: “{info.name}” cannot be pruned: {why_unreadable(info)}")
    if not info.prunable:
        raise PrunerError(
            f"{checkpoint.path}: “{info.name}” is {info.dtype}: its elements have no magnitude to prune by."
        )


def require_fit(checkpoint: Checkpoint, info: TensorInfo, method: Method) -> None:
    """Raise `PrunerError` where the method has no meaning for the tensor."""
    if why := method.unfit(info):
        raise PrunerError(f"{checkpoint.path}: {described(method)} does not fit “{info.name}”: {why}. Exclude it.")
