"""How a checkpoint's keys and shapes fit a model's, and what the model would be given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pruner.checkpoint import Checkpoint, FileStamp
from pruner.dtypes import torch_dtype
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.export.permanent import FORM as PERMANENT
from pruner.models.description import Description
from pruner.prune import Pruning
from pruner.reading import why_unreadable

_DEEPEST = 4
"""Modules that a prefix has at most."""
_MOST_LISTED = 8
_COUNTER = "num_batches_tracked"
"""A buffer of BatchNorm that old files do without; torch, too, lets it be missing."""


@dataclass(frozen=True, slots=True)
class Key:
    """A checkpoint's tensor, and the one that masks it where it has the masked form."""

    name: str
    mask: str | None = None


@dataclass(frozen=True)
class Fit:
    """What of a checkpoint goes where in a model.

    `keys` are the checkpoint's tensors by the model's names. `missing` are the model's that the checkpoint has not
    (tied ones count once), `unexpected` the checkpoint's that the model has not, `mismatched` those of another shape:
    the model's name, its shape, and the checkpoint's. `prefix` was folded: put before the checkpoint's names, or the
    model's where `prefix_of_model`.
    """

    path: str
    model: str
    keys: Mapping[str, Key]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    prefix: str = ""
    prefix_of_model: bool = False

    @property
    def exact(self) -> bool:
        """Whether everything goes somewhere and nothing is missing."""
        return not (self.missing or self.unexpected or self.mismatched)

    def require(self, *, strict: bool = True) -> None:
        """Raise `PrunerError` that lists what does not fit; without `strict` only shapes and having nothing count."""
        faults = []
        if strict and self.missing:
            faults.append(f"missing in the file: {_listed(self.missing)}")
        if strict and self.unexpected:
            faults.append(f"not in the model: {_listed(self.unexpected)}")
        if self.mismatched:
            shapes = [f"{name} is {list(file)}, in the model {list(own)}" for name, own, file in self.mismatched]
            faults.append(f"of another shape: {_listed(shapes)}")
        if not faults and not self.keys:
            faults.append("no key is in both")
        if faults:
            raise PrunerError(
                f"{self.path} does not fit {self.model}: {'; '.join(faults)}. Name the function and the arguments that "
                "build this checkpoint's model."
            )

    def remarks(self) -> tuple[str, ...]:
        """What to know before figures are believed."""
        made = []
        if self.prefix:
            whose = "model" if self.prefix_of_model else "file"
            made.append(f"The prefix “{self.prefix}” of the {whose}'s names was folded.")
        if self.missing:
            made.append(f"Missing in the file, left as the model was built: {_listed(self.missing)}.")
        if self.unexpected:
            made.append(f"Not in the model, left out: {_listed(self.unexpected)}.")
        return tuple(made)


@dataclass(frozen=True)
class Given:
    """A tensor as a model gets it: with what is pruned as 0, and its product with the mask in the masked form.

    `files` tells two states of one file apart. See `pruner.models.parcel.Values`.
    """

    entry: Entry
    mask: Entry | None
    files: tuple[FileStamp, ...]

    @property
    def dtype(self) -> str:
        """torch's name without `torch.`."""
        return self.entry.source.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.entry.source.shape

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.entry.nbytes

    def chunks(self) -> Iterable[memoryview]:
        """The elements' bytes by flat index; raises `PrunerError` on reading."""
        return self.entry.chunks() if self.mask is None else _products(self.entry, self.mask)


def fit(description: Description, checkpoint: Checkpoint) -> Fit:
    """See how a checkpoint's keys and shapes fit; no number is read."""
    spelled = _spelled(checkpoint)
    keys, prefix, of_model = _match(description.tensors, spelled)
    used = {part for key in keys.values() for part in (key.name, key.mask)}
    given = {name for group in description.tied if not keys.keys().isdisjoint(group) for name in group}
    shapes = [(name, description.tensors[name].shape, checkpoint[key.name].shape) for name, key in keys.items()]
    return Fit(
        checkpoint.path.name,
        description.model,
        keys,
        tuple(
            name
            for name in description.tensors
            if name not in keys and name not in given and not name.endswith(_COUNTER)
        ),
        tuple(name for name in checkpoint.tensors if name not in used),
        tuple(one for one in shapes if one[1] != one[2]),
        prefix,
        of_model,
    )


def given(checkpoint: Checkpoint, pruning: Pruning | None, found: Fit) -> dict[str, Given]:
    """The tensors that a model gets, by its own names; raises `PrunerError` for one that has no plain numbers."""
    entries = {entry.name: entry for entry in PERMANENT.entries(checkpoint, pruning or Pruning())}
    made = {}
    for name, key in found.keys.items():
        info = checkpoint[key.name]
        if not info.readable:
            raise PrunerError(f"{checkpoint.path}: “{key.name}” cannot be given to a model: {why_unreadable(info)}")
        if info.dtype_info.family == "quantized":
            raise PrunerError(
                f"{checkpoint.path}: “{key.name}” is quantized ({info.dtype}), and its scale is outside the tensor; "
                "it cannot be given to a model."
            )
        made[name] = Given(entries[key.name], entries[key.mask] if key.mask else None, checkpoint.files)
    return made


def _spelled(checkpoint: Checkpoint) -> dict[str, Key]:
    """The checkpoint's tensors by name; those in the masked form also by the name of their product."""
    plain = {name: Key(name) for name in checkpoint.tensors}
    for name in checkpoint.tensors:
        base = name.removesuffix("_orig")
        if base != name and (mask := f"{base}_mask") in checkpoint.tensors:
            plain.setdefault(base, Key(name, mask))
    return plain


def _match(wanted: Collection[str], spelled: Mapping[str, Key]) -> tuple[dict[str, Key], str, bool]:
    """Keys by the model's names, the prefix that was folded, and whether the model's names have it.

    The prefix is the one that brings most names together; none where as many are together without it.
    """
    votes = Counter({("", False): sum(name in spelled for name in wanted)})
    for of_model, names, others in ((False, spelled, wanted), (True, wanted, spelled)):
        for name in names:
            votes.update((head, of_model) for head, rest in _splits(name) if rest in others)
    (prefix, of_model), _ = max(votes.items(), key=lambda one: (one[1], -len(one[0][0])))
    if of_model:
        pairs = {name: name.removeprefix(prefix) for name in wanted if name.startswith(prefix)}
    else:
        pairs = {name: prefix + name for name in wanted}
    return {name: spelled[other] for name, other in pairs.items() if other in spelled}, prefix, of_model


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """A name as a prefix that ends in a dot, and its rest."""
    at = 0
    for _ in range(_DEEPEST):
        at = name.find(".", at) + 1
        if not at:
            return
        yield name[:at], name[at:]


def _products(orig: Entry, mask: Entry) -> Iterator[memoryview]:
    """The bytes of `orig * mask` in the type of the original."""
    import torch

    kinds = torch_dtype(orig.source.dtype), torch_dtype(mask.source.dtype)
    for values, kept in zip(orig.chunks(), mask.chunks(), strict=True):
        one, other = (
            torch.from_numpy(np.frombuffer(part, np.uint8).copy()).view(kind)
            for part, kind in zip((values, kept), kinds, strict=True)
        )
        product = (one * other).to(kinds[0])
        yield product.view(torch.uint8).numpy().data


def _listed(names: Collection[str]) -> str:
    first = ", ".join(list(names)[:_MOST_LISTED])
    return f"{first} and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else first
