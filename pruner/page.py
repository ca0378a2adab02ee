"""Exact values of a rectangle of a tensor's grid, read when something needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.grid import Grid
from pruner.mask import Bools, Mask
from pruner.pyramid import Area
from pruner.pyramid.plane import floats
from pruner.reading import read_chunks

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]
State = Literal["before", "after", "mask"]
BAND = 1 << 18
"""Elements that are read at a time."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A tensor of a checkpoint in its grid, with what is kept of it; `mask` is None where everything is."""

    checkpoint: Checkpoint
    info: TensorInfo
    grid: Grid
    mask: Mask | None

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str, mask: Mask | None = None) -> Sheet:
        """The sheet of a tensor; raises `UnknownTensorError`."""
        info = checkpoint[name]
        return cls(checkpoint, info, Grid.of(info.shape), mask if mask is not None and mask.pruned else None)

    def values(self, area: Area, elements: int = BAND) -> Iterator[Array | None]:
        """The rows of an area from top to bottom, in arrays of (n, columns) of about `elements`, as `exact` gives them.

        Gives None from time to time, to give way, where what comes before the area has to be unpacked first. Places
        without an element are 0. Raises `PrunerError` where the file cannot be read or has changed.
        """
        steps = _strides(self.info, self.grid)
        if steps is None:
            yield from self._passing(area, elements)
            return
        for band in bands(area, elements):
            read = self._read(band, *steps)
            self.checkpoint.require_current(self.info)
            yield read

    def kept(self, area: Area) -> Bools:
        """Which elements of an area are kept, bools of (rows, columns); False where no element is."""
        columns, numel = self.grid.columns, self.grid.numel
        if self.mask is not None and area.columns == columns:
            start, stop = area.top * columns, min(area.bottom * columns, numel)
            return _filled(self.mask.chunk(start - start % 8, stop)[start % 8 :], area.rows, columns)
        flat = np.arange(area.top, area.bottom)[:, None] * columns + np.arange(area.left, area.right)
        inside: Bools = flat < numel
        if self.mask is None:
            return inside
        flat[~inside] = 0
        bits = self.mask.bits[flat >> 3] >> (flat & 7).astype(np.uint8) & 1
        kept: Bools = bits.view(np.bool_) & inside
        return kept

    def parts(self, area: Area, state: State, elements: int = BAND) -> Iterator[Array | None]:
        """The rows of an area as `values` gives them, before or after pruning, or whether they are kept (bools)."""
        if state == "mask":
            yield from (self.kept(band) for band in bands(area, elements))
            return
        top = area.top
        for part in self.values(area, elements):
            if part is None or state == "before" or self.mask is None:
                yield part
            else:
                kept = self.kept(Area(top, area.left, top + len(part), area.right))
                yield np.where(kept, part, part.dtype.type(0))
            top += 0 if part is None else len(part)

    def _read(self, area: Area, down: int, across: int) -> Array:
        """An area, straight from its place in the file."""
        columns, info = self.grid.columns, self.info
        if self.grid.folded:
            start, stop = area.top * columns, min(area.bottom * columns, info.numel)
            run = _part(info, (stop - start,), (across,), start * across)
            return _filled(_all(run), area.rows, columns)[:, area.left : area.right]
        shape = (area.rows, area.columns)
        return _all(_part(info, shape, (down, across), area.top * down + area.left * across)).reshape(shape)

    def _passing(self, area: Area, elements: int) -> Iterator[Array | None]:
        """An area, out of all that comes before it."""
        columns = self.grid.columns
        rows = max(1, elements // columns)
        for top, chunk in zip(
            range(0, area.bottom, rows), self.checkpoint.chunks(self.info.name, rows * columns), strict=False
        ):
            bottom = min(top + rows, self.grid.rows)
            lower, upper = max(top, area.top), min(bottom, area.bottom)
            if lower >= upper:
                yield None
            else:
                lines = _filled(exact(chunk), bottom - top, columns)
                yield lines[lower - top : upper - top, area.left : area.right]


def bands(area: Area, elements: int) -> Iterator[Area]:
    """An area in bands of rows of about so many elements, from top to bottom."""
    rows = max(1, elements // max(1, area.columns))
    for top in range(area.top, area.bottom, rows):
        yield replace(area, top=top, bottom=min(top + rows, area.bottom))


def exact(values: torch.Tensor) -> Array:
    """The same numbers in NumPy: in a type that holds each of them exactly where NumPy lacks torch's.

    bfloat16 and the types of 8 bits become float32, complex32 becomes complex64, quantized ones stay integers.
    """
    import torch

    if values.dtype == torch.complex32:
        return values.view(torch.float16).to(torch.float32).numpy().view(np.complex64)
    if values.dtype == torch.bfloat16 or (values.dtype.is_floating_point and values.dtype.itemsize == 1):
        return floats(values)
    return values.numpy()


def exact_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """The type of what `exact` gives."""
    import torch

    return exact(torch.empty(0, dtype=dtype)).dtype


def _strides(info: TensorInfo, grid: Grid) -> tuple[int, int] | None:
    """Elements in the storage from one row to the next, and from one column to the next.

    None where they are not the same everywhere, or the storage cannot be entered anywhere.
    """
    if info.pieces or info.storage.deflated is not None:
        return None
    if grid.folded:
        step = _step(info.shape, info.stride)
        return None if step is None else (step * grid.columns, step)
    split = len(info.shape) - grid.across
    down = _step(info.shape[:split], info.stride[:split])
    across = _step(info.shape[split:], info.stride[split:])
    return None if down is None or across is None else (down, across)


def _step(shape: tuple[int, ...], stride: tuple[int, ...]) -> int | None:
    """The one stride of dimensions that are taken for one; None where they cannot be."""
    sizes = [(size, step) for size, step in zip(shape, stride, strict=True) if size != 1]
    for (_, outer), (size, inner) in pairwise(sizes):
        if outer != size * inner:
            return None
    return sizes[-1][1] if sizes else 1


def _part(info: TensorInfo, shape: tuple[int, ...], stride: tuple[int, ...], skipped: int) -> TensorInfo:
    return replace(info, shape=shape, stride=stride, storage_offset=info.storage_offset + skipped)


def _all(info: TensorInfo) -> Array:
    """All elements of a part by flat index."""
    return exact(next(read_chunks(info, info.numel)))


def _filled(flat: Array, rows: int, columns: int) -> Array:
    """Elements of whole rows as (rows, columns), 0 in places behind the last."""
    missing = rows * columns - len(flat)
    return (np.append(flat, np.zeros(missing, flat.dtype)) if missing else flat).reshape(rows, columns)
