"""How a checkpoint's keys and shapes fit a model's, and what the model would be given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pruner.checkpoint import Checkpoint, FileStamp
from pruner.dtypes import torch_dtype
from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.export.permanent import FORM as PERMANENT
from pruner.models.description import Description
from pruner.pairs.names import match
from pruner.prune import Pruning
from pruner.reading import why_unreadable

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
    the model's name, its shape, and the checkpoint's. `prefixes` are those folded, of the checkpoint's names and of the
    model's; each ends in a dot, or is empty.
    """

    path: str
    model: str
    keys: Mapping[str, Key]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    prefixes: tuple[str, str] = ("", "")

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
        made = [
            f"The prefix “{prefix}” of the {whose}'s names was folded."
            for prefix, whose in zip(self.prefixes, ("file", "model"), strict=True)
            if prefix
        ]
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
    pairing = match(checkpoint, description.as_checkpoint())
    keys = {
        pair.b.name: Key(pair.a.name, pair.a.mask if pair.product else None)
        for pair in pairing.both
        if pair.a is not None and pair.b is not None
    }
    masks = {key.mask for key in keys.values()}
    given = {name for group in description.tied if not keys.keys().isdisjoint(group) for name in group}
    shapes = [(name, description.tensors[name].shape, checkpoint[key.name].shape) for name, key in keys.items()]
    return Fit(
        checkpoint.path.name,
        description.model,
        keys,
        tuple(name for name in pairing.added if name not in given and not name.endswith(_COUNTER)),
        tuple(name for name in pairing.removed if name not in masks),
        tuple(one for one in shapes if one[1] != one[2]),
        pairing.prefixes,
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
        if key.mask and checkpoint[key.mask].shape != info.shape:
            raise PrunerError(
                f"{checkpoint.path}: “{key.mask}” has another shape than “{key.name}”; it is no mask of it."
            )
        made[name] = Given(entries[key.name], entries[key.mask] if key.mask else None, checkpoint.files)
    return made


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
