"""A tensor as a picture that is true at its scale: where several elements share a pixel, it says what they are."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.reading import read_chunks
from pruner.summaries import real

if TYPE_CHECKING:
    import torch

Image = npt.NDArray[np.float32]
MOST_PIXELS = 1024
_CHUNK = 1 << 20
_SHORT_ROW = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """How a tensor's elements lie in a plane of `rows` by `columns`.

    A matrix lies as it is. More dimensions are a grid of filters: one row of filters for each output channel, one
    column for each input channel, the kernel's last dimension across and the others down. One dimension is folded
    into rows; the last of them may have places without an element.
    """

    shape: tuple[int, ...]
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Layout:
        """The layout of a shape."""
        numel = math.prod(shape)
        if len(shape) < 2 or shape[0] == 1 == math.prod(shape[2:]):
            columns = numel if numel <= _SHORT_ROW else math.ceil(math.sqrt(2 * numel))
            return cls(shape, math.ceil(numel / columns) if columns else 0, columns)
        return cls(
            shape,
            shape[0] * math.prod(shape[2:-1]),
            math.prod(shape[1:2]) * math.prod(shape[-1:] if len(shape) > 2 else ()),
        )

    @property
    def folded(self) -> bool:
        """Whether rows are only a line that was folded."""
        return len(self.shape) < 2 or self.shape[0] == 1 == math.prod(self.shape[2:])

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of one filter; (1, 1) for a matrix."""
        return (math.prod(self.shape[2:-1]), self.shape[-1]) if len(self.shape) > 2 and not self.folded else (1, 1)

    def index(self, row: int, column: int) -> tuple[int, ...] | None:
        """The element's index at a place; None where there is no element."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        if self.folded:
            flat = row * self.columns + column
            if flat >= math.prod(self.shape):
                return None
        else:
            high, wide = self.kernel
            channels = self.shape[1]
            flat = ((row // high * channels + column // wide) * high + row % high) * wide + column % wide
        return tuple(int(part) for part in np.unravel_index(flat, self.shape)) if self.shape else ()

    def describe(self, index: tuple[int, ...]) -> str:
        """An index in the words of its dimensions: `out 211, in 604`."""
        names: tuple[str, ...] = ("element",)
        if len(self.shape) == 2:
            names = ("row", "column")
        elif len(self.shape) > 2:
            names = ("out", "in", *("kz", "ky", "kx")[-len(self.shape) + 2 :])
        if len(names) != len(index):
            return str(index)
        return ", ".join(f"{name} {place}" for name, place in zip(names, index, strict=True))


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels of `block` (rows, columns) elements each, float32 arrays of one shape.

    `before` and `after` hold the value with the largest magnitude among a pixel's elements (NaN counts as 0),
    `density` the share of them that is kept. Places without an element are NaN. `limit` is the largest finite
    magnitude before.
    """

    layout: Layout
    block: tuple[int, int]
    before: Image
    density: Image
    after: Image
    limit: float


def picture(
    checkpoint: Checkpoint, name: str, mask: Mask | None, pixels: int = MOST_PIXELS
) -> Generator[None, None, Picture]:
    """The picture of a tensor in at most `pixels` by `pixels`, giving way after each chunk of about a million elements.

    Raises `PrunerError` where the tensor cannot be read.
    """
    import torch

    info = checkpoint[name]
    layout = Layout.of(info.shape)
    canvas = _Canvas(layout, pixels)
    group = _group(layout)
    elements = math.ceil(max(1, _CHUNK // max(group, 1)) / 8) * 8 * group
    start = 0
    for chunk in read_chunks(info, elements):
        stop = start + chunk.numel()
        everything = torch.ones(stop - start, dtype=torch.bool)
        kept = torch.from_numpy(mask.chunk(start, stop)) if mask is not None else everything
        values = real(chunk).to(torch.float32)
        canvas.draw(_rows(values, layout), _rows(kept, layout), start // group * layout.kernel[0])
        start = stop
        yield None
    return canvas.picture()


def _group(layout: Layout) -> int:
    """Elements that make whole rows: of a filter's height, or one."""
    return layout.columns * layout.kernel[0]


def _rows(flat: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Elements by flat index as rows of the plane; a last row that is not full is filled with NaN, or False."""
    import torch

    missing = -flat.numel() % _group(layout)
    if missing:
        fill = torch.full((missing,), float("nan") if flat.is_floating_point() else 0, dtype=flat.dtype)
        flat = torch.cat([flat, fill])
    high, wide = layout.kernel
    if high == 1:
        return flat.reshape(-1, layout.columns)
    return flat.reshape(-1, layout.columns // wide, high, wide).transpose(1, 2).reshape(-1, layout.columns)


class _Canvas:
    """Pixels that take rows of elements one run after another."""

    def __init__(self, layout: Layout, pixels: int) -> None:
        import torch

        self.layout = layout
        self.block = (max(1, math.ceil(layout.rows / pixels)), max(1, math.ceil(layout.columns / pixels)))
        size = (math.ceil(layout.rows / self.block[0]), math.ceil(layout.columns / self.block[1]))
        self.high = torch.zeros(2, *size)
        self.low = torch.zeros(2, *size)
        self.kept = torch.zeros(size, dtype=torch.float64)
        self.there = torch.zeros(size, dtype=torch.float64)
        self.limit = 0.0

    def draw(self, values: torch.Tensor, kept: torch.Tensor, first_row: int) -> None:
        """Take rows of the plane, from `first_row` on."""
        there = ~values.isnan() if self.layout.folded else None
        finite = values.isfinite()
        values = values.nan_to_num(0.0, 0.0, 0.0) if not bool(finite.all()) else values
        self.limit = max(self.limit, float(values.abs().max()) if values.numel() else 0.0)
        after = values.where(kept, 0.0)
        rows = self._bands(values.shape[0], first_row)
        for place, part in enumerate((values, after)):
            self._merge(self.high[place], self._across(part, "amax"), rows, "amax")
            self._merge(self.low[place], self._across(part, "amin"), rows, "amin")
        everywhere = values.new_ones(values.shape) if there is None else there.to(values.dtype)
        self._merge(self.kept, self._across(kept.to(values.dtype), "sum").double(), rows, "sum")
        self._merge(self.there, self._across(everywhere, "sum").double(), rows, "sum")

    def _bands(self, count: int, first: int) -> list[tuple[int, int, int]]:
        """Which of the rows (from, to) go into which row of pixels."""
        high = self.block[0]
        bands = []
        start = 0
        while start < count:
            band = (first + start) // high
            stop = min(count, (band + 1) * high - first)
            bands.append((band, start, stop))
            start = stop
        return bands

    def _across(self, part: torch.Tensor, how: str) -> torch.Tensor:
        """Elements of a row joined to pixels."""
        import torch

        wide = self.block[1]
        if wide == 1:
            return part
        missing = -part.shape[1] % wide
        padded = torch.nn.functional.pad(part, (0, missing)) if missing else part
        joined: torch.Tensor = getattr(padded.reshape(part.shape[0], -1, wide), how)(-1)
        return joined

    def _merge(self, target: torch.Tensor, part: torch.Tensor, bands: list[tuple[int, int, int]], how: str) -> None:
        """Rows joined to pixels, and to what earlier runs left there."""
        import torch

        join: Any = {"amax": torch.maximum, "amin": torch.minimum, "sum": torch.add}[how]
        if self.block[0] == 1:
            first, last = bands[0][0], bands[-1][0] + 1
            target[first:last] = join(target[first:last], part)
            return
        for band, start, stop in bands:
            target[band] = join(target[band], getattr(part[start:stop], how)(0))

    def picture(self) -> Picture:
        """The pixels as they are now."""
        import torch

        extreme = torch.where(self.high >= -self.low, self.high, self.low)
        nothing = self.there == 0
        extreme[:, nothing] = float("nan")
        density = (self.kept / self.there.clamp(min=1)).to(torch.float32)
        density[nothing] = float("nan")
        return Picture(
            layout=self.layout,
            block=self.block,
            before=extreme[0].numpy(),
            density=density.numpy(),
            after=extreme[1].numpy(),
            limit=self.limit,
        )
