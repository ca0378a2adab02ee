"""From a checkpoint and its pruning to a report: hashes, figures, pictures, with progress over all of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.export import Saved
from pruner.methods import options_of
from pruner.module_tree import module_tree
from pruner.plan import Plan
from pruner.progress import Meter, Progress
from pruner.prune import Pruning, TensorPruning
from pruner.recipes.recipe import Recipe
from pruner.report.dead import dead_channels
from pruner.report.facts import Report, TensorFacts
from pruner.report.hashing import files_of, hashed
from pruner.report.pictures import tensor_picture
from pruner.report.versions import versions
from pruner.steps import finish
from pruner.summaries import before_and_after

_Result = TypeVar("_Result")
MOST_PICTURES = 24
"""Tensors that get pictures, the largest first."""


def gather(
    checkpoint: Checkpoint,
    pruning: Pruning,
    saved: Saved | None = None,
    *,
    pictures: bool = True,
    progress: Progress | None = None,
) -> Report:
    """The report of a pruning; `saved` is what was saved of it. Raises `PrunerError` where a file cannot be read."""
    checkpoint.require_unchanged()
    drawn = _drawn(checkpoint, pruning) if pictures else frozenset()
    found = dict(_files(checkpoint, pruning.plans, saved))
    readable = [info for info in checkpoint.tensors.values() if info.readable]
    work = sum(path.stat().st_size for path in found) + sum(
        info.nbytes * (1 + (info.name in drawn)) for info in readable
    )
    meter = Meter(work, progress)
    files = tuple(hashed(path, role, name, meter) for path, (role, name) in found.items())
    tensors = tuple(
        _tensor(checkpoint, info, pruning.tensors.get(info.name), info.name in drawn, meter)
        for info in checkpoint.tensors.values()
    )
    checkpoint.require_unchanged()
    return Report(
        source=checkpoint.path.name,
        format=checkpoint.format,
        root=checkpoint.root,
        tree=module_tree(checkpoint),
        tensors=tensors,
        plans=pruning.plans,
        recipe=_recipe(checkpoint, pruning),
        files=files,
        versions=versions(pruning.device),
        form=saved.form if saved is not None else "",
        warnings=(*checkpoint.warnings, *pruning.warnings, *(saved.notes if saved is not None else ())),
    )


def _drawn(checkpoint: Checkpoint, pruning: Pruning) -> frozenset[str]:
    """The names of the largest tensors that rounds took; of equals the first in the file."""
    taken = [info for info in checkpoint.tensors.values() if info.name in pruning and info.numel]
    return frozenset(info.name for info in sorted(taken, key=lambda info: -info.numel)[:MOST_PICTURES])


def _files(
    checkpoint: Checkpoint, plans: tuple[Plan, ...], saved: Saved | None
) -> Iterator[tuple[Path, tuple[str, str]]]:
    """The files behind a pruning, each with what it is and what the report calls it."""
    opened = checkpoint.path.absolute()
    folder = opened if opened.is_dir() else opened.parent
    yield from ((path, ("source", _named(path, folder))) for path in (stamp.path for stamp in checkpoint.files))
    if saved is not None:
        yield from ((path, ("output", _named(path, saved.path.parent))) for path in files_of(saved.path))
    for method in dict.fromkeys(step.method for plan in plans for step in plan.steps.values()):
        for option in options_of(method):
            if option.type is str:
                given = Path(getattr(method, option.name))
                yield from ((path, (method.title.lower(), _named(path, given.parent))) for path in files_of(given))


def _named(path: Path, folder: Path) -> str:
    whole = path.absolute()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else path.name


def _tensor(
    checkpoint: Checkpoint, info: TensorInfo, done: TensorPruning | None, drawn: bool, meter: Meter
) -> TensorFacts:
    if not info.readable:
        return TensorFacts(info, done)
    mask = done.mask if done is not None else None
    before, after = _run(before_and_after(checkpoint, info.name, mask), meter, info.name)
    dead = _run(dead_channels(checkpoint, info, mask, after), meter, info.name)
    picture = None
    if done is not None and drawn:
        picture = _run(tensor_picture(checkpoint, done, before), meter, info.name)
        meter.step(info.nbytes, info.name)
    return TensorFacts(info, done, before, after, dead, picture)


def _run(steps: Generator[int | None, None, _Result], meter: Meter, name: str) -> _Result:
    """What steps return in the end; each tells its bytes, or gives way."""
    return finish(steps, lambda nbytes: meter.step(nbytes or 0, name))


def _recipe(checkpoint: Checkpoint, pruning: Pruning) -> str:
    if not any(plan.steps for plan in pruning.plans):
        return ""
    return Recipe.of(checkpoint, pruning.plans, pruning).text(checkpoint.path.absolute().parent)
