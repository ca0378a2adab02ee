"""The numbers and the mask of any area of a tensor's plane, read when something needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.mask import Bools, Mask
from pruner.pyramid.layout import Area, Layout
from pruner.reading import read_chunks

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float32]
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Plane:
    """A tensor of a checkpoint in its layout, with what is kept of it; `mask` is None where everything is."""

    checkpoint: Checkpoint
    info: TensorInfo
    mask: Mask | None

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str, mask: Mask | None) -> Plane:
        """The plane of a tensor; a mask that keeps everything counts as none."""
        return cls(checkpoint, checkpoint[name], mask if mask is not None and mask.pruned else None)

    @cached_property
    def layout(self) -> Layout:
        """Where the elements lie."""
        return Layout.of(self.info.shape)

    def values(self, area: Area) -> Floats:
        """The elements of an area as float32 of (rows, columns); NaN where there is none.

        Only what the area needs is read, where the file allows it. Complex numbers count by their magnitude. Raises
        `PrunerError` where the file cannot be read or has changed.
        """
        outer = self._outer(area)
        read = self._read(outer)
        self.checkpoint.require_current(self.info)
        return self._cropped(_filled(read, outer), outer, area)

    @property
    def streamed(self) -> bool:
        """Whether the file can only be read from the tensor's first element on."""
        return bool(self.info.pieces) or self.info.storage.deflated is not None

    def runs(self, elements: int) -> Iterator[Callable[[], Floats]]:
        """Functions that give all elements by flat index, so many at a time; called once each, on any thread."""
        for chunk in read_chunks(self.info, elements):
            self.checkpoint.require_current(self.info)
            yield partial(self.convert, chunk)

    def convert(self, values: torch.Tensor) -> Floats:
        """Values of the file as those of the plane."""
        return floats(values)

    def arranged(self, flat: Floats, area: Area) -> Floats:
        """The elements of whole rows of filters, by flat index, as those of an area; NaN where there is none."""
        return self._cropped(_filled(flat, area), area, area)

    def kept(self, area: Area) -> Bools:
        """Which elements of an area are kept, bools of (rows, columns); False where there is no element."""
        if self.mask is None:
            bools = np.ones((area.rows, area.columns), np.bool_)
            if area.bottom == self.layout.rows and self.layout.folded:
                filled = self.layout.numel - (self.layout.rows - 1) * self.layout.columns
                bools[-1, max(0, filled - area.left) :] = False
            return bools
        outer = self._outer(area)
        return self._cropped(self._bools(self.mask, outer), outer, area)

    def _outer(self, area: Area) -> Area:
        """The area of whole filters, or of whole rows of a folded line, around an area."""
        if self.layout.folded:
            return Area(area.top, 0, area.bottom, self.layout.columns)
        high, wide = self.layout.kernel
        top, left = area.top // high * high, area.left // wide * wide
        return Area(top, left, -(-area.bottom // high) * high, -(-area.right // wide) * wide)

    def _cropped(self, flat: npt.NDArray[Any], outer: Area, area: Area) -> npt.NDArray[Any]:
        """Elements of whole filters, in the order of the flat index, as those of an area in the plane."""
        high, wide = self.layout.kernel
        if high == 1:
            plane = flat.reshape(outer.rows, outer.columns)
        else:
            filters = flat.reshape(outer.rows // high, outer.columns // wide, high, wide)
            plane = filters.transpose(0, 2, 1, 3).reshape(outer.rows, outer.columns)
        top, left = area.top - outer.top, area.left - outer.left
        return plane[top : top + area.rows, left : left + area.columns]

    def _runs(self, outer: Area) -> tuple[int, int, int, int]:
        """An area of whole filters as runs of flat indices: the first one's start, their length, step and number."""
        high, wide = self.layout.kernel
        unit = high * wide
        step = self.layout.channels * unit
        start = outer.top // high * step + outer.left // wide * unit
        return start, outer.columns * high, step, outer.rows // high

    def _read(self, outer: Area) -> Floats:
        """The elements of an area of whole filters by flat index; those behind the last are left out."""
        if self.info.pieces:
            return self._picked(*self._runs(outer))
        if self.layout.folded:
            start, stop = (min(row * self.layout.columns, self.info.numel) for row in (outer.top, outer.bottom))
            line = replace(self.info, shape=(self.info.numel,), stride=(self._step,))
            return self._joined(_part(line, 0, start, stop - start))
        high, wide = self.layout.kernel
        rows = _part(self.info, 0, outer.top // high, outer.rows // high)
        return self._joined(_part(rows, 1, outer.left // wide, outer.columns // wide))

    def _joined(self, info: TensorInfo) -> Floats:
        """All elements of a part by flat index."""
        parts = (self.convert(chunk) for chunk in read_chunks(info, max(info.numel, 1)))
        return next(parts, np.empty(0, np.float32))

    @property
    def _step(self) -> int:
        """Elements in the storage from one of a folded line to the next."""
        steps = [step for size, step in zip(self.info.shape, self.info.stride, strict=True) if size > 1]
        return steps[0] if steps else 1

    def _picked(self, start: int, length: int, step: int, count: int) -> Floats:
        """Runs out of the whole tensor, chunk by chunk, where it is put together from pieces."""
        found = []
        at = 0
        runs = [(start + run * step, min(start + run * step + length, self.info.numel)) for run in range(count)]
        for chunk in read_chunks(self.info, 1 << 20):
            stop = at + chunk.numel()
            first, last = max(0, (at - start - length) // step), (stop - start) // step + 1
            for lower, upper in runs[first : max(last, 0)]:
                lower, upper = max(lower, at), min(upper, stop)
                if lower < upper:
                    found.append(self.convert(chunk[lower - at : upper - at]))
            at = stop
            if at >= runs[-1][1]:
                break
        return np.concatenate(found) if found else np.empty(0, np.float32)

    def _bools(self, mask: Mask, outer: Area) -> Bools:
        """The mask's bits of an area of whole filters by flat index, False behind the last element."""
        start, length, step, count = self._runs(outer)
        if length == step:
            length, count = length * count, 1
        if count > 1 and step % 8 == 0 and mask.numel == self.layout.rows * self.layout.columns:
            first = start // 8 - start // step * step // 8
            rows = mask.bits.reshape(-1, step // 8)[start // step : start // step + count]
            bytes_ = rows[:, first : (start % step + length + 7) // 8]
            bits = np.unpackbits(bytes_, axis=1, bitorder="little")[:, start % 8 : start % 8 + length]
            return np.ascontiguousarray(bits).view(np.bool_).reshape(-1)
        out = np.zeros((count, length), np.bool_)
        for run in range(count):
            lower = start + run * step
            upper = min(lower + length, mask.numel)
            if lower < upper:
                out[run, : upper - lower] = mask.chunk(lower - lower % 8, upper)[lower % 8 :]
        return out.reshape(-1)


def _filled(flat: Floats, outer: Area) -> Floats:
    """Elements with NaN behind the last one up to an area's end."""
    missing = outer.rows * outer.columns - len(flat)
    return np.append(flat, np.full(missing, np.nan, np.float32)) if missing else flat


def _part(info: TensorInfo, dim: int, start: int, count: int) -> TensorInfo:
    """So many places of a dimension, from `start` on, as a tensor of its own."""
    shape, step = list(info.shape), info.stride[dim]
    shape[dim] = count
    return replace(info, shape=tuple(shape), storage_offset=info.storage_offset + start * step)


def floats(values: torch.Tensor) -> Floats:
    """Values as float32, computed by NumPy where it can: torch's own threads would wait for those of other pieces.

    Finite values beyond float32 become its largest, never infinite.
    """
    import torch

    if values.dtype == torch.bfloat16:
        words = values.view(torch.int16).numpy().view(np.uint16).astype(np.uint32)
        words <<= 16
        return words.view(np.float32)
    if values.dtype.itemsize == 1 and values.dtype.is_floating_point:
        table = torch.arange(256, dtype=torch.uint8).view(values.dtype).to(torch.float32).numpy()
        return np.take(table, values.view(torch.uint8).numpy())
    if values.dtype == torch.complex32:
        values = values.to(torch.complex64)
    found = values.numpy()
    if np.iscomplexobj(found):
        found = np.abs(found)
    if found.dtype != np.float64:
        return found.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):
        narrow = found.astype(np.float32)
    np.clip(narrow, -_LARGEST, _LARGEST, out=narrow, where=np.isfinite(found))
    return narrow
