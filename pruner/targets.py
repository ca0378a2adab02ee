"""Where a checkpoint is saved to: the container that a name stands for, and whether the name is free."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pruner.checkpoint import Checkpoint
from pruner.errors import PrunerError
from pruner.formats import Format, PatchableFormat, WritableFormat, formats, writable_format_for, writable_formats
from pruner.zips.container import ZipContainer


@dataclass(frozen=True, slots=True)
class Target:
    """The file or folder that would appear, its container, and whether it is a patched copy of the source.

    `shard_suffix` is the ending of the shards where a set of them is written.
    """

    path: Path
    container: Format
    patched: bool
    shard_suffix: str = ""


def target_of(
    checkpoint: Checkpoint,
    patches: bool,
    form: str,
    path: Path,
    shard_bytes: int | None,
    *,
    marks: bool = False,
    compress: bool = False,
) -> Target:
    """What saving a form to `path` makes.

    `patches` says whether the form leaves names, shapes and types; `marks`, whether it has masks beside them;
    `compress`, whether entries are to be deflated: `.pt` is a zip archive then, whatever the source is. Raises
    `PrunerError` where the name stands for no container, or for one that the form has no place in or that cannot be
    compressed.
    """
    packs = not compress or isinstance(formats()[checkpoint.format], ZipContainer)
    target = _target_of(checkpoint, patches and packs, form, path, shard_bytes, marks)
    return _deflating(target) if compress else target


def _target_of(
    checkpoint: Checkpoint, patches: bool, form: str, path: Path, shard_bytes: int | None, marks: bool
) -> Target:
    if shard_bytes is not None:
        return _new_set(path, shard_bytes)
    patches = patches and not checkpoint.edited
    own = formats()[checkpoint.format]
    several = len(checkpoint.files) > 1
    if marks:
        patches = isinstance(own, ZipContainer) and own.takes_marks and not several and not checkpoint.edited
    elif checkpoint.marks and not isinstance(own, ZipContainer):
        patches = False  # masks that are tensors go
    names_a_folder = writable_format_for(path) is None or path.is_dir() or path.name.endswith(".index.json")
    if several and names_a_folder:
        if not patches:
            raise PrunerError(
                f"{path}: here the {form} form is saved as one file (end its name in .pt or .safetensors) or as shards "
                "of a size that you give."
            )
        return Target(path.parent if path.name.endswith(".index.json") else path, own, True)
    like_source = path.suffix == checkpoint.path.suffix or path.suffix.lower() in own.suffixes
    if patches and like_source and not several and isinstance(own, PatchableFormat) and not path.is_dir():
        return Target(path, own, True)
    named = writable_format_for(path)
    if named is None and like_source and isinstance(own, WritableFormat):
        named = own
    if named is None or path.is_dir():
        endings = ", ".join(suffix for one in writable_formats() for suffix in one.suffixes)
        raise PrunerError(f"{path}: the name's ending chooses the container; there are {endings}.")
    return Target(path, named, False)


def _deflating(target: Target) -> Target:
    if not isinstance(target.container, ZipContainer):
        raise PrunerError(
            f"{target.path}: {target.container.title} has no compression. Save as .pt to compress, or do not compress."
        )
    return replace(target, container=replace(target.container, deflate=True))


def require_free(checkpoint: Checkpoint, path: Path, overwrite: bool) -> None:
    """Raise `PrunerError` where `path` is the source, or exists and is not to be replaced; `OSError` as files do."""
    if "\0" in str(path):
        raise PrunerError(f"{path}: a name cannot hold a null character. Choose another.")
    if not path.exists():
        return
    sources = [checkpoint.path, *(stamp.path for stamp in checkpoint.files)]
    inside = path.is_dir() and any(source.parent.samefile(path) for source in sources if source.is_file())
    if inside or any(source.exists() and path.samefile(source) for source in sources):
        raise PrunerError(f"{path}: this is the source itself, which is never written to. Choose another name.")
    if path.is_dir() and not any(path.iterdir()):
        return
    if not overwrite:
        raise PrunerError(f"{path}: it exists already. Choose another name, or allow to replace it (--force).")


def _new_set(path: Path, shard_bytes: int) -> Target:
    """A folder of shards: of `.safetensors`, or of the container that the name's ending stands for."""
    if shard_bytes < 1:
        raise PrunerError(f"{path}: shards of {shard_bytes} bytes cannot hold anything. Give a size such as 5GB.")
    if path.is_file():
        raise PrunerError(f"{path}: shards are saved in a folder, and this is a file. Choose another name.")
    suffix = path.suffix.lower() if writable_format_for(path) else ".safetensors"
    container = writable_format_for(Path(f"shard{suffix}"))
    assert container is not None
    return Target(path, container, False, ".bin" if suffix != ".safetensors" else suffix)
