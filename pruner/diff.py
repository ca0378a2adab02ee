"""Two checkpoints side by side: keys, values, zeros."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.errors import PrunerError
from pruner.progress import Meter, Progress
from pruner.summaries import CHUNK

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Difference:
    """A tensor that is in both, under one name or renamed by pruning (then B's value is `orig * mask`).

    `changed` counts elements whose values differ (NaN equals NaN, -0.0 equals 0.0); it is None, like the largest
    absolute difference, where shapes differ. `zeros` are those of A and of B.
    """

    name: str
    changed: int | None
    zeros: tuple[int, int]
    max_abs_difference: float | None
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    dtypes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs: names that only one has, names that pruning changed, tensors that differ, the keys' order."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    tensors: tuple[Difference, ...]
    reordered: bool

    @property
    def equal(self) -> bool:
        """Whether both hold the same keys in the same order with the same values and types."""
        return not (self.added or self.removed or self.renamed or self.tensors or self.reordered)


def compare(a: Checkpoint, b: Checkpoint, progress: Progress | None = None) -> Comparison:
    """Compare two checkpoints, a chunk at a time; progress counts the bytes of A.

    Raises `PrunerError` where numbers cannot be read, and what `progress` raises.
    """
    renamed = tuple(
        (name, f"{name}_orig")
        for name in a.tensors
        if name not in b.tensors and f"{name}_orig" in b.tensors and f"{name}_mask" in b.tensors
    )
    new_names = dict(renamed)
    orig = set(new_names.values())
    shared = [name for name in a.tensors if name in b.tensors or name in new_names]
    meter = Meter(sum(a[name].nbytes for name in shared), progress)
    differences = [
        found for name in shared if (found := _compare_tensor(a, b, name, name in new_names, meter)) is not None
    ]
    shared_a = [new_names.get(name, name) for name in shared]
    both = set(shared_a)
    shared_b = [name for name in b.tensors if name in both]
    return Comparison(
        added=tuple(name for name in b.tensors if name not in a.tensors and name not in orig),
        removed=tuple(name for name in a.tensors if name not in b.tensors and name not in new_names),
        renamed=renamed,
        tensors=tuple(differences),
        reordered=shared_a != shared_b,
    )


def _compare_tensor(a: Checkpoint, b: Checkpoint, name: str, masked: bool, meter: Meter) -> Difference | None:
    before = a[name]
    after = b[f"{name}_orig" if masked else name]
    alike = before.shape == after.shape
    changed, largest, zeros_a, zeros_b = 0, 0.0, 0, 0
    if alike:
        for one, other in zip(_values(a, before, meter), _pruned_values(b, after, name, masked), strict=True):
            unequal = (one != other) & ~(one.isnan() & other.isnan())
            changed += int(unequal.sum())
            if bool(unequal.any()):
                apart = (one - other)[unequal].abs()
                largest = max(largest, float(apart.nan_to_num(float("inf")).max()))
            zeros_a += int((one == 0).sum())
            zeros_b += int((other == 0).sum())
    else:
        zeros_a = sum(int((one == 0).sum()) for one in _values(a, before, meter))
        zeros_b = sum(int((one == 0).sum()) for one in _pruned_values(b, after, name, masked))
    if alike and not changed and before.dtype == after.dtype:
        return None
    return Difference(
        name=name,
        changed=changed if alike else None,
        zeros=(zeros_a, zeros_b),
        max_abs_difference=largest if alike else None,
        shapes=(before.shape, after.shape),
        dtypes=(before.dtype, after.dtype),
    )


def _values(checkpoint: Checkpoint, info: TensorInfo, meter: Meter | None = None) -> Iterator[torch.Tensor]:
    """Elements as float64, or complex128; int64 beyond 2^53 is compared as the nearest float64."""
    import torch

    for chunk in checkpoint.chunks(info.name, CHUNK):
        yield chunk.to(torch.complex128 if chunk.is_complex() else torch.float64)
        if meter is not None:
            meter.step(info.dtype_info.nbytes(chunk.numel()), info.name)


def _pruned_values(b: Checkpoint, info: TensorInfo, name: str, masked: bool) -> Iterator[torch.Tensor]:
    if not masked:
        yield from _values(b, info)
        return
    mask = b[f"{name}_mask"]
    if mask.shape != info.shape:
        raise PrunerError(f"{b.path}: “{mask.name}” has another shape than “{info.name}”; it is no mask of it.")
    for values, kept in zip(_values(b, info), _values(b, mask), strict=True):
        yield values.where(kept != 0, 0.0)
