"""Blocks of a tensor as colours: ink and sand for kept and pruned, a colour map for values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from app.agreement_colours import agreement_colours, agreement_palette
from app.colour_maps import USUAL, Colours, Scheme, between, row_image, value_colours
from app.theme import Theme
from pruner.pairs import PairTile
from pruner.pyramid import Tile

Part = Literal["before", "mask", "after", "difference", "here", "there", "apart", "agreement"]
"""The pictures of two tensors beside each other."""
Shades = npt.NDArray[np.uint8]
_MIDDLE = 127
_OTHER = 255
_MOST_RARE = 64


@dataclass(frozen=True, eq=False)
class Drawn:
    """A tile in colours, of each part an array of 0xffRRGGBB, one a block; `theme` and
    `scheme` are those it was drawn in.

    `rare` are the blocks (row, column) that differ from all pruned, or from all kept, by less than a shade of colour.
    """

    tile: Tile
    colours: dict[Part, Colours]
    theme: Theme
    scheme: Scheme = USUAL
    rare: tuple[tuple[int, int], ...] = ()


def draw(tile: Tile, parts: tuple[Part, ...], theme: Theme, scheme: Scheme = USUAL) -> Drawn:
    """Colour a tile's parts; may run on any thread."""
    return Drawn(tile, {part: colours_of(tile, part, theme, scheme) for part in parts}, theme, scheme, _rare(tile))


def colours_of(tile: Tile, part: Part, theme: Theme, scheme: Scheme = USUAL) -> Colours:
    """A part's colours as 0xffRRGGBB, uint32 of (rows, columns) in blocks; the surface where no element is."""
    if part == "mask":
        found = np.take(ramp(part, theme, scheme), shares(tile))
    elif part == "agreement":
        assert isinstance(tile, PairTile)
        found = agreement_colours(tile, theme)
    else:
        values = values_of(tile, part)
        shades = sizes if scheme.shows == "magnitude" else signs
        found = np.take(ramp(part, theme, scheme), shades(values, scale_of(tile, part)))
        unknown = np.isnan(values)
        if unknown.any():
            found[unknown] = QColor(theme.raised if tile.block > 1 else theme.warning).rgb()
    nothing = tile.elements == 0
    if nothing.any():
        found[nothing] = QColor(theme.surface).rgb()
    return found


def values_of(tile: Tile, part: Part) -> npt.NDArray[np.float32]:
    """The numbers of a part, float32 of (rows, columns) in blocks."""
    if isinstance(tile, PairTile):
        agreed = tile.elements - tile.kept_a - tile.kept_b + 2 * tile.kept_both
        return {"here": tile.a, "there": tile.b, "agreement": agreed.astype(np.float32)}.get(part, tile.after)
    kept = tile.kept.astype(np.float32)
    return {"before": tile.before, "after": tile.after, "mask": kept, "difference": tile.difference}[part]


def scale_of(tile: Tile, part: Part) -> float:
    """The magnitude at the ends of a part's colours."""
    if isinstance(tile, PairTile) and part in ("here", "there"):
        return tile.side_scale
    return tile.difference_scale if part == "difference" else tile.scale


def shares(tile: Tile) -> Shades:
    """The share of kept elements in 256 shades; what is not quite nothing, or all, never has its shade."""
    kept, elements = tile.kept, np.maximum(tile.elements, 1)
    shades: Shades = np.rint(kept * (255 / elements)).astype(np.uint8)
    shades[(kept > 0) & (shades == 0)] = 1
    shades[(kept < tile.elements) & (shades == 255)] = 254
    return shades


def signs(values: npt.NDArray[np.float32], scale: float) -> Shades:
    """Values in 255 shades from -scale to scale, 0 in the middle."""
    with np.errstate(invalid="ignore"):
        placed = np.clip(values * np.float32(_MIDDLE / scale), -_MIDDLE, _MIDDLE)
    shades: Shades = np.rint(np.nan_to_num(placed + _MIDDLE, nan=_OTHER)).astype(np.uint8)
    return shades


def sizes(values: npt.NDArray[np.float32], scale: float) -> Shades:
    """Magnitudes in 255 shades from 0 to scale."""
    with np.errstate(invalid="ignore"):
        placed = np.clip(np.abs(values) * np.float32((_OTHER - 1) / scale), 0, _OTHER - 1)
    shades: Shades = np.rint(np.nan_to_num(placed, nan=_OTHER)).astype(np.uint8)
    return shades


def ramp(part: Part, theme: Theme, scheme: Scheme) -> Colours:
    """The colours of a part's 256 shades; of values the last one is not used."""
    return _ramp(part == "mask", theme, scheme)


@cache
def _ramp(shares: bool, theme: Theme, scheme: Scheme) -> Colours:
    if shares:
        return between((theme.pruned, theme.kept), 256)
    return np.append(value_colours(scheme, theme), np.uint32(0xFF000000))


def ramp_image(part: Part, theme: Theme, scheme: Scheme) -> QImage:
    """A part's colours in a row, for the colour bar."""
    colours = ramp(part, theme, scheme)[: 256 if part == "mask" else _OTHER].copy()
    if part == "agreement":
        colours = np.array([QColor(one).rgb() for one in agreement_palette(theme)], np.uint32)
    return row_image(colours)


def _rare(tile: Tile) -> tuple[tuple[int, int], ...]:
    """The blocks that a shade alone would hide, where they are few enough to be marked one by one."""
    if tile.block == 1:
        return ()
    kept, elements = tile.kept, tile.elements
    few = 16 if isinstance(tile, PairTile) else 64
    faint = ((kept > 0) & (kept * few < elements)) | ((kept < elements) & ((elements - kept) * few < elements))
    if not 0 < np.count_nonzero(faint) <= _MOST_RARE:
        return ()
    return tuple((int(row), int(column)) for row, column in np.argwhere(faint))
