"""Pruning a checkpoint by a plan, round after round; the checkpoint itself never changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.devices import resolve
from pruner.errors import AmountValueError, PrunerError
from pruner.mask import Mask
from pruner.methods import Elements, method_named
from pruner.plan import Plan, Step, require_prunable
from pruner.progress import Meter, Progress
from pruner.sampling import sample_of
from pruner.ties import identical, sharers

if TYPE_CHECKING:
    import torch

CHUNK_ELEMENTS = 1 << 20
"""Elements worked on between two looks at Cancel: some milliseconds of work."""


@dataclass(frozen=True, slots=True)
class Round:
    """One application of a method to a tensor.

    `pruned` counts the elements that this round took; `threshold` is the largest magnitude among them (None where
    there are none); `ties` counts those that stayed although their magnitude equals the threshold.
    """

    method: str
    amount: Amount
    pruned: int
    threshold: float | None
    ties: int


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

    `device` is torch's name of where the last round ran, `seconds` how long it took; `warnings` are for people.
    """

    tensors: Mapping[str, TensorPruning] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

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
) -> Pruning:
    """One round on each tensor of the plan; `after` is what earlier rounds left.

    `device` is `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. Numbers are read in chunks; the masks are what is kept of
    them. Raises `PrunerError` (an amount above what is left is an `AmountValueError`, before any work) and what
    `progress` raises; nothing has changed then.
    """
    checkpoint.require_unchanged()
    before = after.tensors if after else {}
    infos = {name: checkpoint[name] for name in plan.steps}
    _require_possible(checkpoint, plan, before)
    target = resolve(device)
    begun = time.perf_counter()
    meter = Meter(
        sum(infos[name].nbytes * (method_named(step.method).passes) for name, step in plan.steps.items()), progress
    )
    rounds: dict[str, TensorPruning] = {}
    for name, step in plan.steps.items():
        twin = next((other.name for other in sharers(checkpoint.tensors, infos[name]) if other.name in rounds), None)
        if twin is not None:
            rounds[name] = replace(rounds[twin], name=name)
        else:
            rounds[name] = _round(checkpoint, infos[name], step, before.get(name), target, meter)
    done = {**before, **rounds}
    return Pruning(done, str(target), time.perf_counter() - begun, tuple(_warnings(checkpoint, done)))


def _round(
    checkpoint: Checkpoint,
    info: TensorInfo,
    step: Step,
    before: TensorPruning | None,
    device: torch.device,
    meter: Meter,
) -> TensorPruning:
    method = method_named(step.method)
    mask = before.mask if before else Mask.ones(info.shape)

    def chunks() -> Iterator[torch.Tensor]:
        for chunk in checkpoint.chunks(info.name, CHUNK_ELEMENTS):
            yield chunk.to(device)
            meter.step(chunk.nbytes, info.name)

    elements = Elements(info.shape, mask, chunks, lambda count: sample_of(info, count))
    selected = method.select(elements, step.amount)
    left = selected.zeros or _zeros_left(chunks(), selected.mask)
    taken = Round(step.method, step.amount, mask.kept - selected.mask.kept, selected.threshold, selected.ties)
    return TensorPruning(
        name=info.name,
        mask=selected.mask,
        rounds=(*(before.rounds if before else ()), taken),
        zeros_before=left[0],
        zeros=left[1],
    )


def _zeros_left(chunks: Iterator[torch.Tensor], mask: Mask) -> tuple[int, int]:
    """Zeros among the values, and among the values with the mask on."""
    from pruner.selection import magnitude_keys

    before = after = start = 0
    for chunk in chunks:
        stop = start + chunk.numel()
        zero = magnitude_keys(chunk).cpu().numpy() == 0
        before += int(zero.sum())
        after += int((zero | ~mask.chunk(start, stop)).sum())
        start = stop
    return before, after


def _require_possible(checkpoint: Checkpoint, plan: Plan, before: Mapping[str, TensorPruning]) -> None:
    """Find what would fail before anything is done."""
    for name, step in plan.steps.items():
        info = checkpoint[name]
        require_prunable(checkpoint, info)
        if info.overlapping:
            raise PrunerError(
                f"{checkpoint.path}: several indices of “{name}” are one element in memory (an expanded tensor); "
                "it cannot be pruned element by element."
            )
        left = before[name].mask.kept if name in before else info.numel
        try:
            step.amount.count(left)
        except AmountValueError as error:
            raise AmountValueError(f"{checkpoint.path}: “{name}”: {error}") from None
        for other in sharers(checkpoint.tensors, info):
            if other.name in plan.steps:
                _require_same(checkpoint, plan, info, other, before)


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


def _warnings(checkpoint: Checkpoint, done: Mapping[str, TensorPruning]) -> Iterator[str]:
    for name in done:
        for other in sharers(checkpoint.tensors, checkpoint[name]):
            if other.name not in done:
                yield f"“{other.name}” shares its memory with “{name}”: its values change too."
