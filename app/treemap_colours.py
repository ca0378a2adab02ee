"""What the rectangles of the whole model are coloured by, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from app.fitting import is_prunable
from app.theme import Theme
from app.treemap_plane import EXTRA, LAYERS, Ints, pattern
from pruner import Checkpoint

Shares = NDArray[np.float64]
Colours = NDArray[np.uint32]


class Form(IntEnum):
    """How a tensor is drawn besides its colour."""

    PRUNABLE = 0
    BUFFER = 1
    FIXED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Tensors:
    """The tensors of a checkpoint in the order of the file, with their `places` in it."""

    places: Mapping[str, int]
    numels: Shares
    forms: Ints

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Tensors:
        """The tensors of a checkpoint."""
        infos = checkpoint.tensors.values()
        forms = [_form(info.kind == "buffer", is_prunable(info)) for info in infos]
        return cls(
            {name: place for place, name in enumerate(checkpoint.tensors)},
            np.array([info.numel for info in infos], np.float64),
            np.array(forms, np.int32),
        )


def _form(buffer: bool, prunable: bool) -> Form:
    if not prunable:
        return Form.FIXED
    return Form.BUFFER if buffer else Form.PRUNABLE


def packed(colour: str) -> int:
    """A colour as a pixel of an image."""
    return QColor(colour).rgb()


def scale_colours(theme: Theme, shares: Shares) -> Colours:
    """The colours of shares from 0, the ink of what is kept, to 1, the sand of what is pruned."""
    kept, pruned = _rgb(theme.kept), _rgb(theme.pruned)
    mixed = np.rint(kept + np.clip(shares, 0, 1)[..., None] * (pruned - kept)).astype(np.uint32)
    return _pixels(mixed)


def _rgb(colour: str) -> Shares:
    one = QColor(colour)
    return np.array([one.red(), one.green(), one.blue()], np.float64)


def _pixels(rgb: NDArray[np.uint32]) -> Colours:
    made = 0xFF000000 | (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    return made.astype(np.uint32)


def table(theme: Theme, shares: Shares, forms: Ints) -> Colours:
    """The table of colours that `Plane.inks` look into.

    Buffers are striped; what cannot be pruned is grey with stripes, what is not counted grey with dots.
    """
    made = np.empty((len(shares) + EXTRA, LAYERS), np.uint32)
    unknown, fixed = np.isnan(shares), forms == Form.FIXED
    grey, mark = packed(theme.line), packed(theme.muted)
    rows = made[:-EXTRA]
    rows[:] = scale_colours(theme, np.nan_to_num(shares))[:, None]
    rows[unknown | fixed] = grey
    rows[forms == Form.BUFFER, 1] = _halfway(rows[forms == Form.BUFFER, 0], packed(theme.surface))
    rows[(forms == Form.BUFFER) & unknown, 1] = mark
    rows[unknown & ~fixed, 2] = mark
    rows[fixed, 1] = mark
    made[-2], made[-1] = packed(theme.line), packed(theme.surface)
    return made.reshape(-1)


def _halfway(colours: Colours, other: int) -> Colours:
    halves = ((colours >> 1) & 0x7F7F7F) + ((other >> 1) & 0x7F7F7F)
    return (0xFF000000 | halves).astype(np.uint32)


def strip_colours(colours: Colours, numels: Shares, rows: Ints, width: int, height: int, scale: float) -> Colours:
    """Tensors side by side as wide as their elements; a pixel that stands for several has their mean colour."""
    layers = colours.reshape(-1, LAYERS)[rows]
    lines = [mean_colours(layers[:, layer], numels[rows], width) for layer in range(LAYERS)]
    made: Colours = np.choose(pattern(height, width, scale), [line[None, :] for line in lines])
    return made


def mean_colours(colours: Colours, numels: Shares, width: int) -> Colours:
    """The colours of a line of pixels in which each colour is as wide as its elements, or has its share of a pixel."""
    ends = np.concatenate([[0.0], np.cumsum(numels)])
    edges = np.linspace(0, ends[-1], width + 1)
    channels = []
    for shift in (16, 8, 0):
        channel = ((colours >> shift) & 0xFF).astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(channel * np.diff(ends))])
        channels.append(np.diff(np.interp(edges, ends, sums)) / np.diff(edges))
    return _pixels(np.rint(np.clip(np.stack(channels, axis=-1), 0, 255)).astype(np.uint32))


def image_of(pixels: Colours, scale: float) -> QImage:
    """Pixels as an image of its own."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    made = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()
    made.setDevicePixelRatio(scale)
    return made


def text_colour(ground: int) -> QColor:
    """Black or white, whichever stands out more: at least 4.5 to 1 on any ground."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    colour = QColor(ground)
    light = 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())
    return QColor("#000000" if light > 0.179 else "#FFFFFF")
