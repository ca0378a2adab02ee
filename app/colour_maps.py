"""Colour maps for values, signed and not, that colour-blind people can read; each has a form for either theme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from app.theme import Theme

Colours = npt.NDArray[np.uint32]
Shows = Literal["extreme", "magnitude", "mean"]
SHADES = 255
"""Colours of a map; the one in the middle of a signed map stands for 0."""
_SAMPLES = 64

SIGNED: dict[str, tuple[str, str] | None] = {
    "red-blue": None,
    "vik": ("crameri:vik", "crameri:berlin"),
    "cork": ("crameri:cork", "crameri:vanimo"),
    "puor": ("colorbrewer:puor", "crameri:managua"),
}
"""Maps from one colour to another over one in the middle; on dark ground those whose middle is dark.

`red-blue` is the theme's own.
"""
UNSIGNED: dict[str, str] = {"viridis": "bids:viridis", "cividis": "cividis:cividis", "batlow": "crameri:batlow"}
"""Maps from dark to light; on light ground the other way round, so that 0 is always next to the ground."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What stands for the values of a block, and the colour maps of values with a sign and of magnitudes."""

    shows: Shows = "extreme"
    signed: str = "red-blue"
    unsigned: str = "viridis"


USUAL = Scheme()


@cache
def value_colours(scheme: Scheme, theme: Theme) -> Colours:
    """The 255 colours of a scheme's values as 0xffRRGGBB: from 0 up for magnitudes, else with 0 in the middle."""
    return (
        unsigned_colours(scheme.unsigned, theme)
        if scheme.shows == "magnitude"
        else signed_colours(scheme.signed, theme)
    )


def signed_colours(name: str, theme: Theme) -> Colours:
    """The colours of one of `SIGNED`."""
    maps = SIGNED[name]
    if maps is None:
        return between((theme.negative, theme.middle, theme.positive), SHADES)
    return _of_cmap(maps[theme.dark])


def unsigned_colours(name: str, theme: Theme) -> Colours:
    """The colours of one of `UNSIGNED`."""
    colours = _of_cmap(UNSIGNED[name])
    return colours if theme.dark else colours[::-1].copy()


def title_of(name: str, theme: Theme) -> str:
    """What a map is called in a theme."""
    maps = SIGNED.get(name)
    if name == "red-blue":
        return "Blue and red"
    return (maps[theme.dark].partition(":")[2] if maps is not None else name).replace("puor", "PuOr")


def between(names: tuple[str, ...], count: int) -> Colours:
    """Colours in equal steps through those named."""
    colours = [QColor(name) for name in names]
    return _through(np.array([(one.red(), one.green(), one.blue()) for one in colours], dtype=np.float64), count)


def row_image(colours: Colours) -> QImage:
    """Colours in a row, as a picture one pixel high."""
    return QImage(colours.data, colours.size, 1, colours.nbytes, QImage.Format.Format_RGB32).copy()


def _of_cmap(name: str) -> Colours:
    from cmap import Colormap

    return _through(np.asarray(Colormap(name).lut(_SAMPLES + 1))[:, :3] * 255, SHADES)


def _through(stops: npt.NDArray[np.float64], count: int) -> Colours:
    """Colours in equal steps through stops, float64 of (stops, 3) from 0 to 255."""
    at = np.linspace(0, len(stops) - 1, count)
    red, green, blue = (
        np.rint(np.interp(at, np.arange(len(stops)), stops[:, channel])).astype(np.uint32) for channel in range(3)
    )
    return np.uint32(0xFF000000) | red << np.uint32(16) | green << np.uint32(8) | blue
