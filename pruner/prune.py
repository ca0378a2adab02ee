"""Pruning a checkpoint by a plan, round after round; the checkpoint itself never changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pruner.amount import Amount
from pruner.bounded import Bounds
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.devices import resolve
from pruner.elements import PIECE, Elements, elements_of
from pruner.errors import AmountValueError, PrunerError
from pruner.mask import Mask
from pruner.methods import Method, RankingMethod, Scope
from pruner.parallel import threads_here
from pruner.plan import Plan, Step, require_fit, require_prunable
from pruner.progress import Meter, Progress, within
from pruner.rounds import Outcome, Store, required, run_round, zeros_of
from pruner.spill import release, room_for
from pruner.ties import identical, sharers
from pruner.transfers import on_device

if TYPE_CHECKING:
    import torch

DEFAULT_MEMORY = 512 << 20
_LEAST_PIECE = 1 << 14
_SHARE = 64
"""Bytes of memory for each element of a piece: a few pieces of each thread are held, with their keys."""
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Round:
    """One application of a method to a tensor.

    `pruned` counts the elements that this round took; `threshold` is the largest magnitude, or norm, among what it
    pruned (None where that is nothing, or the method measures none); `ties` counts what stayed although it equals the
    threshold. `scope` says whether the amount counted over all tensors of the round together.
    """

    method: Method
    amount: Amount
    pruned: int
    threshold: float | None
    ties: int
    scope: Scope = "local"


@dataclass(frozen=True, slots=True)
class TensorPruning:
    """A tensor's mask after its rounds, and its zeros: in the file, and as it would be saved."""

    name: str
    mask: Mask
    rounds: tuple[Round, ...]
    zeros_before: int
    zeros: int

    @property
    def numel(self) -> int:
        """Elements in all."""
        return self.mask.numel

    @property
    def pruned(self) -> int:
        """Elements that are masked out after all rounds."""
        return self.mask.pruned


@dataclass(frozen=True, eq=False)
class Pruning:
    """What pruning did: for each tensor its mask and report, in the order in which they were first pruned.

    `device` is torch's name of where the last round ran, `seconds` how long it took; `warnings` are for people. `plans`
    are those of all rounds, in their order.
    """

    tensors: Mapping[str, TensorPruning] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()

    def round_of(self, index: int, name: str) -> Round:
        """What the plan of that index did to a tensor that it takes."""
        earlier = sum(name in plan.steps for plan in self.plans[:index])
        return self.tensors[name].rounds[earlier]

    def __getitem__(self, name: str) -> TensorPruning:
        return self.tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def prune(
    checkpoint: Checkpoint,
    plan: Plan,
    device: str = "auto",
    progress: Progress | None = None,
    *,
    after: Pruning | None = None,
    memory: int = DEFAULT_MEMORY,
) -> Pruning:
    """One round on each tensor of the plan; `after` is what earlier rounds left.

    `device` is `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. Numbers are read piece by piece, as often as the methods need;
    at most `memory` bytes of them, and of what is counted of them, are held at a time. The masks are what is kept.

    Raises `PrunerError` (an amount above what is left is an `AmountValueError`, before any work) and what `progress`
    raises; nothing has changed then.
    """
    checkpoint.require_unchanged()
    before = after.tensors if after else {}
    target = resolve(device)
    begun = time.perf_counter()
    groups = groups_of(checkpoint, plan)
    _require_possible(checkpoint, plan, groups, before)
    meter = Meter(sum(_work(checkpoint, plan, group) for group in groups), progress)
    store = room_for([checkpoint[name].numel for group in groups for name in group], memory)
    made: dict[str, TensorPruning] = {}
    notes: list[str] = []
    for group in groups:
        made.update(_round(checkpoint, plan, group, before, target, memory, store, meter, notes))
    checkpoint.require_unchanged()
    rounds = {name: made[name] if name in made else _twin(checkpoint, name, made) for name in plan.steps}
    done = {**before, **rounds}
    notes += _warnings(checkpoint, done, rounds)
    plans = (*(after.plans if after else ()), plan)
    return Pruning(done, str(target), time.perf_counter() - begun, tuple(dict.fromkeys(notes)), plans)


def prune_rounds(
    checkpoint: Checkpoint,
    plans: Sequence[Plan],
    device: str = "auto",
    progress: Progress | None = None,
    *,
    after: Pruning | None = None,
    memory: int = DEFAULT_MEMORY,
) -> Pruning:
    """One plan after the other, as `prune` runs each; progress counts over all of them, and so do the seconds.

    Raises as `prune` does, with the number of the round; nothing has changed then.
    """
    works = [sum(_work(checkpoint, plan, group) for group in groups_of(checkpoint, plan)) for plan in plans]
    done, seconds, found = 0, 0.0, after
    warnings: list[str] = []
    for number, (plan, work) in enumerate(zip(plans, works, strict=True), start=1):
        try:
            found = prune(checkpoint, plan, device, within(progress, done, sum(works)), after=found, memory=memory)
        except PrunerError as error:
            if len(plans) > 1:
                error.args = (f"Round {number} of {len(plans)}: {error}", *error.args[1:])
            raise
        done += work
        seconds += found.seconds
        warnings += found.warnings
    return replace(found or Pruning(), seconds=seconds, warnings=tuple(dict.fromkeys(warnings)))


def groups_of(checkpoint: Checkpoint, plan: Plan) -> list[list[str]]:
    """The tensors that are pruned together; of those that are the same memory the first stands for all."""
    first: dict[str, None] = {}
    for name in plan.steps:
        if not any(other.name in first for other in sharers(checkpoint.tensors, checkpoint[name])):
            first[name] = None
    return [list(first)] if plan.scope == "global" and first else [[name] for name in first]


def _twin(checkpoint: Checkpoint, name: str, made: Mapping[str, TensorPruning]) -> TensorPruning:
    """What became of a tensor by another name."""
    other = next(one.name for one in sharers(checkpoint.tensors, checkpoint[name]) if one.name in made)
    return replace(made[other], name=name)


def with_twins(checkpoint: Checkpoint, pruning: Pruning) -> Pruning:
    """The same with the tensors that are pruned too since they are the same memory."""
    tensors = dict(pruning.tensors)
    for name, one in pruning.tensors.items():
        info = checkpoint[name]
        for other in sharers(checkpoint.tensors, info):
            if identical(other, info):
                tensors.setdefault(other.name, replace(one, name=other.name))
    return replace(pruning, tensors=tensors)


def _work(checkpoint: Checkpoint, plan: Plan, group: Sequence[str]) -> int:
    """About how many bytes are worked on."""
    return plan.steps[group[0]].method.passes * sum(checkpoint[name].nbytes for name in group)


def _round(
    checkpoint: Checkpoint,
    plan: Plan,
    group: Sequence[str],
    before: Mapping[str, TensorPruning],
    device: torch.device,
    memory: int,
    store: Store,
    meter: Meter,
    notes: list[str],
) -> dict[str, TensorPruning]:
    """One round on the tensors of a group; `notes` takes remarks for people."""
    step = plan.steps[group[0]]
    bounds = _bounds(plan, group)
    tensors = [_elements(checkpoint, name, before, memory, meter) for name in group]

    def work(placed: Sequence[Elements]) -> list[Outcome]:
        return run_round(step.method, step.amount, placed, bounds, memory // 4, store)

    outcomes, remarks = on_device(work, tensors, device)
    notes.extend(remarks)
    return {
        one.name: _after(one, step, plan.scope, outcome, before) for one, outcome in zip(tensors, outcomes, strict=True)
    }


def _bounds(plan: Plan, group: Sequence[str]) -> list[Bounds]:
    return [(plan.steps[name].floor, plan.steps[name].ceiling) for name in group]


def _elements(
    checkpoint: Checkpoint, name: str, before: Mapping[str, TensorPruning], memory: int, meter: Meter
) -> Elements:
    done = before.get(name)
    found = elements_of(
        checkpoint,
        name,
        done.mask if done else None,
        threads=threads_here(),
        passed=lambda nbytes: meter.step(nbytes, name),
    )
    piece = max(_LEAST_PIECE, min(PIECE, memory // _SHARE // 8 * 8))
    return replace(found, piece=piece, zeros=done.zeros_before if done else None)


def _after(
    elements: Elements, step: Step, scope: Scope, outcome: Outcome, before: Mapping[str, TensorPruning]
) -> TensorPruning:
    done = before.get(elements.name)
    taken = outcome.mask.pruned - elements.mask.pruned
    last = Round(step.method, step.amount, taken, outcome.threshold, outcome.ties, scope)
    zeros = outcome.zeros or zeros_of(elements, outcome.mask)
    release(outcome.mask)
    return TensorPruning(elements.name, outcome.mask, (*(done.rounds if done else ()), last), *zeros)


def _require_possible(
    checkpoint: Checkpoint, plan: Plan, groups: Sequence[Sequence[str]], before: Mapping[str, TensorPruning]
) -> None:
    """Find what would fail before anything is done."""
    for name, step in plan.steps.items():
        info = checkpoint[name]
        require_prunable(checkpoint, info)
        require_fit(checkpoint, info, step.method)
        if info.overlapping:
            raise PrunerError(
                f"{checkpoint.path}: several indices of “{name}” are one element in memory (an expanded tensor); "
                "it cannot be pruned element by element."
            )
        for other in sharers(checkpoint.tensors, info):
            if other.name in plan.steps:
                _require_same(checkpoint, plan, info, other, before)
    for group in groups:
        step = plan.steps[group[0]]
        if isinstance(step.method, RankingMethod):
            tensors = [_elements(checkpoint, name, before, DEFAULT_MEMORY, Meter(0, None)) for name in group]
            try:
                required(step.amount, step.method.rank(tensors), _bounds(plan, group))
            except AmountValueError as error:
                whose = f"“{group[0]}”" if len(group) == 1 else f"{len(group)} tensors together"
                raise AmountValueError(f"{checkpoint.path}: {whose}: {error}") from None


def _require_same(
    checkpoint: Checkpoint, plan: Plan, info: TensorInfo, other: TensorInfo, before: Mapping[str, TensorPruning]
) -> None:
    """Two names of the same memory get one mask, or none."""
    if not identical(info, other):
        raise PrunerError(
            f"{checkpoint.path}: “{info.name}” and “{other.name}” overlap in memory; prune one of them only."
        )
    masks = [before[name].mask if name in before else None for name in (info.name, other.name)]
    if plan.steps[info.name] != plan.steps[other.name] or masks[0] != masks[1]:
        raise PrunerError(
            f"{checkpoint.path}: “{info.name}” and “{other.name}” are the same memory; "
            "give them one amount, or prune one of them only."
        )


def _warnings(
    checkpoint: Checkpoint, done: Mapping[str, TensorPruning], rounds: Mapping[str, TensorPruning]
) -> Iterator[str]:
    for name in done:
        for other in sharers(checkpoint.tensors, checkpoint[name]):
            if other.name not in done:
                yield f"“{other.name}” shares its memory with “{name}”: its values change too."
    emptied = [name for name, one in rounds.items() if one.rounds[-1].pruned and not one.mask.kept]
    for name in emptied[:_MOST_NAMED]:
        yield f"“{name}” has lost all of its {rounds[name].numel} elements."
    if len(emptied) > _MOST_NAMED:
        yield f"{len(emptied) - _MOST_NAMED} more tensors have lost all of their elements."
