"""Forms of output, one file each, and saving them: a file here with a `FORM` is known everywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.files import appearing
from pruner.formats import Format, PatchableFormat, WritableFormat
from pruner.marks import without_marks
from pruner.mask import Mask
from pruner.progress import Meter, Progress
from pruner.prune import Pruning, with_twins
from pruner.record import KEY, record_of
from pruner.registry import discover
from pruner.shards import ShardSet, patch_set, write_set
from pruner.targets import Target, require_free, target_of
from pruner.zips.container import ZipContainer


class Form(Protocol):
    """What is written for a pruned tensor."""

    name: str
    title: str
    patches: bool
    """Whether names, shapes and types stay, so that a copy of the source can be patched."""
    marks: bool
    """Whether masks stand beside the values at one bit an element, with the rounds."""
    alone: bool
    """Whether what the source holds beside the weights has no place in it."""

    def entries(self, checkpoint: Checkpoint, pruning: Pruning) -> tuple[Entry, ...]:
        """The state_dict as it would be saved, in torch's order."""
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved: bytes of the files, seconds, and notes for the user."""

    path: Path
    form: str
    format: str
    nbytes: int
    seconds: float
    notes: tuple[str, ...] = ()


@cache
def forms() -> dict[str, Form]:
    """All forms by name."""
    return discover(__name__, "FORM")


def form_named(name: str) -> Form:
    """The form of that name; raises `PrunerError` with the names there are."""
    try:
        return forms()[name]
    except KeyError:
        raise PrunerError(f"There is no form “{name}”; there are {', '.join(forms())}.") from None


def save(
    checkpoint: Checkpoint,
    pruning: Pruning,
    path: str | Path,
    form: str = "permanent",
    *,
    overwrite: bool = True,
    shard_bytes: int | None = None,
    compress: bool = False,
    progress: Progress | None = None,
) -> Saved:
    """Save what pruning left; the ending of `path` chooses the container.

    With the source's own ending the permanent form is a copy of the source in which only pruned elements, and the
    checksums over them, differ; several files become a folder of that name. With `shard_bytes` a folder of shards of
    at most so many bytes (a larger tensor has one for itself) and an index is written. `compress` deflates the entries
    of containers that are zip archives, such as `.pt`, wherever that makes them smaller. The file or folder appears
    whole or not at all. Raises `PrunerError` for a target that is the source, exists (without `overwrite`), cannot
    be compressed or cannot be written.
    """
    chosen = form_named(form)
    target = _free_target(checkpoint, chosen, Path(path).absolute(), shard_bytes, overwrite, compress)
    checkpoint.require_unchanged()
    begun = time.perf_counter()
    if chosen.marks:
        pruning = with_twins(checkpoint, pruning)
    with appearing(target.path) as partial:
        if target.patched and chosen.marks:
            notes = _patch(checkpoint, {}, _marked(checkpoint, pruning, chosen, target), partial, progress)
        elif target.patched:
            masks = {name: one.mask for name, one in pruning.tensors.items() if one.pruned}
            notes = _patch(checkpoint, masks, target, partial, progress)
        else:
            entries = chosen.entries(checkpoint, pruning)
            told = _telling(checkpoint, pruning, chosen)
            notes = _write(told, entries, target, partial, shard_bytes, Meter(_work(entries), progress))
        checkpoint.require_unchanged()
    return Saved(
        target.path, form, target.container.name, _bytes_of(target.path), time.perf_counter() - begun, tuple(notes)
    )


def check_target(
    checkpoint: Checkpoint,
    path: Path,
    form: str,
    *,
    shard_bytes: int | None = None,
    overwrite: bool = True,
    compress: bool = False,
) -> str:
    """Whether a target can be saved to, before anything is; gives a remark for the user, or an empty text.

    Raises `PrunerError` as `save` would.
    """
    chosen = form_named(form)
    target = _free_target(checkpoint, chosen, path, shard_bytes, overwrite, compress)
    if not target.path.parent.is_dir():
        raise PrunerError(f"{target.path.parent}: there is no such folder.")
    remarks = ["It replaces what is there."] if target.path.is_file() else []
    if checkpoint.others and not chosen.alone and (target.container.name != checkpoint.format or target.shard_suffix):
        remarks.append(f"Left out, since it is no tensor: {', '.join(checkpoint.others)}.")
    return " ".join(remarks)


def has_place(checkpoint: Checkpoint, form: str) -> bool:
    """Whether the source's own container can hold the form."""
    chosen = form_named(form)
    try:
        target_of(checkpoint, chosen.patches, form, checkpoint.path, None, marks=chosen.marks)
    except PrunerError:
        return False
    return True


def container_of(checkpoint: Checkpoint, path: Path, form: str, shard_bytes: int | None = None) -> Format:
    """The container that a target would be in; raises `PrunerError` where there is none."""
    chosen = form_named(form)
    return target_of(checkpoint, chosen.patches, form, path, shard_bytes, marks=chosen.marks).container


def _free_target(
    checkpoint: Checkpoint, form: Form, path: Path, shard_bytes: int | None, overwrite: bool, compress: bool
) -> Target:
    try:
        target = target_of(checkpoint, form.patches, form.name, path, shard_bytes, marks=form.marks, compress=compress)
        require_free(checkpoint, target.path, overwrite)
    except OSError as error:
        raise PrunerError(f"{path}: this name cannot be used ({error.strerror}). Choose another.") from error
    return target


def _marked(checkpoint: Checkpoint, pruning: Pruning, form: Form, target: Target) -> Target:
    """The target with its container told of the marks and the record that go beside the source's own entries."""
    assert isinstance(target.container, ZipContainer)
    marks = tuple(entry for entry in form.entries(checkpoint, pruning) if entry.role == "bits")
    return replace(target, container=replace(target.container, marks=marks, record=record_of(pruning, form.name)))


def _telling(checkpoint: Checkpoint, pruning: Pruning, form: Form) -> Checkpoint:
    """The checkpoint as it is written anew: with a record of this pruning, and of no other."""
    bare = without_marks(checkpoint)
    if form.alone:
        bare = replace(bare, detail=None, others=())
    return replace(bare, metadata={**bare.metadata, KEY: record_of(pruning, form.name)}) if pruning else bare


def _patch(
    checkpoint: Checkpoint, masks: Mapping[str, Mask], target: Target, partial: Path, progress: Progress | None
) -> list[str]:
    meter = Meter(checkpoint.file_bytes, progress)
    container = target.container
    assert isinstance(container, PatchableFormat)
    if isinstance(checkpoint.detail, ShardSet):
        return patch_set(checkpoint, masks, partial, lambda shard, own, made: container.patch(shard, own, made, meter))
    return container.patch(checkpoint, masks, partial, meter)


def _write(
    checkpoint: Checkpoint,
    entries: Sequence[Entry],
    target: Target,
    partial: Path,
    shard_bytes: int | None,
    meter: Meter,
) -> list[str]:
    container = target.container
    assert isinstance(container, WritableFormat)
    if shard_bytes is None:
        return container.write(checkpoint, entries, partial, meter)
    alone = replace(checkpoint, detail=None)  # a shard has no room for what stands beside the weights
    return write_set(
        entries,
        partial,
        shard_bytes,
        target.shard_suffix,
        lambda group, made: container.write(alone, group, made, meter),
        meter,
    )


def _work(entries: Sequence[Entry]) -> int:
    return sum(entry.nbytes for entry in entries)


def _bytes_of(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
