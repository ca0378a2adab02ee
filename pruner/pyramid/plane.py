"""The numbers and the mask of any area of a tensor's plane, read when something needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.mask import Bools, Mask
from pruner.pyramid.area import Area
from pruner.pyramid.boxes import bits_of, numbers_of
from pruner.pyramid.layout import Layout
from pruner.reading import read_chunks

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float32]
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Plane:
    """A tensor of a checkpoint in a layout, with what is kept of it; `mask` is None where everything is.

    `chosen` is the layout, None for the usual one.
    """

    checkpoint: Checkpoint
    info: TensorInfo
    mask: Mask | None
    chosen: Layout | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str, mask: Mask | None, layout: Layout | None = None) -> Plane:
        """The plane of a tensor; a mask that keeps everything counts as none."""
        return cls(checkpoint, checkpoint[name], mask if mask is not None and mask.pruned else None, chosen=layout)

    @cached_property
    def layout(self) -> Layout:
        """Where the elements lie."""
        return self.chosen or Layout.of(self.info.shape)

    def values(self, area: Area) -> Floats:
        """The elements of an area as float32 of (rows, columns); NaN where there is none.

        Only what the area needs is read, where the file allows it. Complex numbers count by their magnitude. Raises
        `PrunerError` where the file cannot be read or has changed.
        """
        found: Floats = self.layout.gather(area, lambda box: numbers_of(self.info, box, self.convert), np.nan)
        self.checkpoint.require_current(self.info)
        return found

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
        """The elements of one of the layout's strips, by flat index, as those of an area; NaN where there is none."""
        found: Floats = self.layout.gather(area, lambda box: flat.reshape(box.sizes), np.nan)
        return found

    def kept(self, area: Area) -> Bools:
        """Which elements of an area are kept, bools of (rows, columns); False where there is no element."""
        mask = self.mask
        if mask is None:
            return self.layout.elements(area, 1) > 0
        found: Bools = self.layout.gather(area, lambda box: bits_of(mask, box), False)
        return found


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
