"""Forms of output, one file each, and saving them: a file here with a `FORM` is known everywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from pruner.checkpoint import Checkpoint
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.files import appearing
from pruner.formats import Format, format_for, formats
from pruner.progress import Meter, Progress
from pruner.prune import Pruning
from pruner.registry import discover


class Form(Protocol):
    """What is written for a pruned tensor."""

    name: str
    title: str
    patches: bool
    """Whether names, shapes and types stay, so that a copy of the source can be patched."""

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
    progress: Progress | None = None,
) -> Saved:
    """Save what pruning left; the ending of `path` chooses the container.

    With the source's own container the permanent form is a copy of the source in which only pruned elements, and the
    checksums over them, differ; a sharded set becomes a folder of that name. The file appears whole or not at all.
    Raises `PrunerError` for a target that is the source, exists (without `overwrite`) or cannot be written.
    """
    target = Path(path).absolute()
    chosen = form_named(form)
    container, patched, target = _destination(checkpoint, chosen, target, overwrite)
    checkpoint.require_unchanged()
    begun = time.perf_counter()
    with appearing(target) as partial:
        if patched:
            masks = {name: one.mask for name, one in pruning.tensors.items() if one.pruned}
            work = checkpoint.file_bytes + sum(checkpoint[name].nbytes for name in masks)
            notes = container.patch(checkpoint, masks, partial, Meter(work, progress))
        else:
            entries = chosen.entries(checkpoint, pruning)
            notes = container.write(checkpoint, entries, partial, Meter(_work(entries), progress))
    return Saved(target, form, container.name, _bytes_of(target), time.perf_counter() - begun, tuple(notes))


def check_target(checkpoint: Checkpoint, target: Path, form: str, *, overwrite: bool = True) -> str:
    """Whether a target can be saved to, before anything is; gives a remark for the user, or an empty text.

    Raises `PrunerError` as `save` would.
    """
    container, _, target = _destination(checkpoint, form_named(form), target, overwrite)
    if not target.parent.is_dir():
        raise PrunerError(f"{target.parent}: there is no such folder.")
    remarks = ["It replaces what is there."] if target.is_file() else []
    if container.name != checkpoint.format and checkpoint.others:
        remarks.append(f"Left out, since it is no tensor: {', '.join(checkpoint.others)}.")
    return " ".join(remarks)


def is_patched(checkpoint: Checkpoint, target: Path, form: str) -> bool:
    """Whether saving would patch a copy of the source, and so give files of its size; raises as `save` does."""
    return _container(checkpoint, form_named(form), target)[1]


def written_bytes(checkpoint: Checkpoint, pruning: Pruning, form: str) -> int:
    """Bytes of all elements that a newly written file would hold."""
    return _work(form_named(form).entries(checkpoint, pruning))


def _work(entries: Sequence[Entry]) -> int:
    return sum(entry.nbytes for entry in entries)


def _destination(checkpoint: Checkpoint, form: Form, target: Path, overwrite: bool) -> tuple[Format, bool, Path]:
    """The container, whether the source is patched, and the file or folder that would appear."""
    try:
        container, patched = _container(checkpoint, form, target)
        if patched and target.name.endswith(".index.json"):
            target = target.parent
        _require_target(checkpoint, target, overwrite)
    except OSError as error:
        raise PrunerError(f"{target}: this name cannot be used ({error.strerror}). Choose another.") from error
    return container, patched, target


def _container(checkpoint: Checkpoint, form: Form, target: Path) -> tuple[Format, bool]:
    """The container that the target's name stands for, and whether the source is patched."""
    own = formats()[checkpoint.format]
    named = format_for(target)
    sharded = len(checkpoint.files) > 1
    folder = target.suffix == "" or target.is_dir() or target.name.endswith(".index.json")
    if sharded and folder:
        if not form.patches:
            raise PrunerError(
                f"{target}: the {form.name} form is saved as one file: end its name in .pt or .safetensors."
            )
        return own, True
    if named is None and target.suffix == checkpoint.path.suffix and not sharded:
        named = own
    if named is None or target.is_dir():
        endings = ", ".join(suffix for one in formats().values() for suffix in one.suffixes)
        raise PrunerError(f"{target}: the name's ending chooses the container; there are {endings}.")
    return named, form.patches and named.name == own.name and not sharded


def _require_target(checkpoint: Checkpoint, target: Path, overwrite: bool) -> None:
    if "\0" in str(target):
        raise PrunerError(f"{target}: a name cannot hold a null character. Choose another.")
    if not target.exists():
        return
    sources = [checkpoint.path, *(stamp.path for stamp in checkpoint.files)]
    inside = target.is_dir() and any(source.parent.samefile(target) for source in sources if source.is_file())
    if inside or any(source.exists() and target.samefile(source) for source in sources):
        raise PrunerError(f"{target}: this is the source itself, which is never written to. Choose another name.")
    if target.is_dir() and not any(target.iterdir()):
        return
    if not overwrite:
        raise PrunerError(f"{target}: it exists already. Choose another name, or allow to replace it (--force).")


def _bytes_of(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.iterdir())
    return path.stat().st_size
