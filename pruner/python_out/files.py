"""How a script reads and writes the file of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pruner.checkpoint import Checkpoint
from pruner.marks import PREFIX

_BY_TORCH = ("torch_zip", "torch_legacy")
_WIDE = 100


@dataclass(frozen=True, slots=True)
class Source:
    """The lines that set `state`, and those that save it to a path; None where a script cannot load the file."""

    imports: tuple[str, ...]
    load: tuple[str, ...]
    save: str
    """With `{path}` where the path stands."""
    suffix: str


def source_of(checkpoint: Checkpoint) -> Source | None:
    """How a script comes to the state_dict of a checkpoint."""
    if checkpoint.format in _BY_TORCH and all(one.verdict == "plain" for one in checkpoint.globals):
        if len(checkpoint.files) > 1:
            loaded = _of_several(checkpoint, 'torch.load(file, map_location="cpu", weights_only=True)')
            return Source((), loaded, "torch.save(state, {path})", ".pt")
        read = f'torch.load({quoted(str(checkpoint.path))}, map_location="cpu", weights_only=True)'
        if not checkpoint.root:
            return Source((), (f"state = {read}",), "torch.save(state, {path})", checkpoint.path.suffix)
        keys = "".join(f"[{key if key.isdigit() else quoted(key)}]" for key in checkpoint.root.split("."))
        return Source(
            (),
            (f"checkpoint = {read}", f"state = checkpoint{keys}"),
            "torch.save(checkpoint, {path})",
            checkpoint.path.suffix,
        )
    if checkpoint.format == "safetensors":
        needed = ("from safetensors.torch import load_file, save_file",)
        if len(checkpoint.files) > 1:
            loaded = _of_several(checkpoint, "load_file(file)")
        else:
            loaded = (f"state = load_file({quoted(str(checkpoint.path))})",)
        if checkpoint.marks:  # in a zip archive they lie where torch does not look
            marks = f'state = {{name: state[name] for name in state if not name.startswith("{PREFIX}")}}'
            loaded = (*loaded, f"{marks}  # without Secateur's masks")
        return Source(needed, loaded, "save_file(state, {path})", ".safetensors")
    return None


def _of_several(checkpoint: Checkpoint, read: str) -> tuple[str, ...]:
    paths = sorted({str(info.storage.file) for info in checkpoint.tensors.values()})
    return ("state = {}", f"for file in {tuple_of(paths)}:", f"    state.update({read})")


def pruned_name(path: Path, suffix: str) -> str:
    """Where a script saves what it pruned: beside the source."""
    return str(path.with_name(f"{path.stem if path.suffix else path.name}-pruned{suffix}"))


def quoted(text: str) -> str:
    """A string of Python in double quotes where that needs no escapes."""
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else ascii(text)


def tuple_of(texts: list[str]) -> str:
    """A tuple of strings, on one line where it is short."""
    parts = [quoted(one) for one in texts]
    short = f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    return short if len(short) <= _WIDE else "(\n" + "".join(f"    {part},\n" for part in parts) + ")"
