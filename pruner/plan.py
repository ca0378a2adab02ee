"""A plan: which tensors get which method and amount."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.errors import PrunerError, UnknownTensorError
from pruner.reading import why_unreadable

DEFAULT_METHOD = "l1_unstructured"


@dataclass(frozen=True, slots=True)
class Step:
    """What one tensor gets: a method of `pruner.methods` by name, and an amount."""

    amount: Amount
    method: str = DEFAULT_METHOD


@dataclass(frozen=True)
class Plan:
    """Steps by tensor name, in the order in which they are applied.

    `passed_over` names what patterns with wildcards matched but pruning has no meaning for, or not by default:
    buffers, integer and other tensors that are not floating-point.
    """

    steps: Mapping[str, Step]
    passed_over: tuple[str, ...] = field(default=())

    @classmethod
    def match(
        cls,
        checkpoint: Checkpoint,
        amounts: Mapping[str, Amount | float | int],
        *,
        exclude: Iterable[str] = (),
        method: str = DEFAULT_METHOD,
    ) -> Plan:
        """The plan that gives each tensor the amount of the last pattern that matches its whole name.

        A pattern is a shell pattern (`*.weight`), or a name in full. Raises `UnknownTensorError` where a pattern
        matches nothing, `PrunerError` where a tensor named in full cannot be pruned or nothing is left to prune, and
        `AmountTypeError` or `AmountValueError` for a wrong amount.
        """
        chosen: dict[str, Step] = {}
        passed_over: dict[str, None] = {}
        for pattern, amount in amounts.items():
            step = Step(Amount.of(amount), method)
            for info in matching(checkpoint, pattern):
                if info.name == pattern:
                    require_prunable(checkpoint, info)
                elif not is_candidate(info):
                    passed_over.setdefault(info.name)
                    continue
                chosen[info.name] = step
        for pattern in exclude:
            for info in matching(checkpoint, pattern):
                chosen.pop(info.name, None)
        if not chosen and amounts:
            patterns = ", ".join(f"“{pattern}”" for pattern in amounts)
            raise PrunerError(
                f"{checkpoint.path}: nothing to prune: {patterns} leaves no floating-point parameter "
                f"({len(passed_over)} passed over)."
            )
        ordered = {name: chosen[name] for name in checkpoint.tensors if name in chosen}
        return cls(ordered, tuple(name for name in passed_over if name not in ordered))


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
