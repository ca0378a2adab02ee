"""The four colours of two masks beside each other, told apart by their lightness too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor

from app.theme import Theme
from pruner.pairs import PairTile

_LIGHT, _DARK = ("#D9480F", "#56B4E9"), ("#FFE14D", "#B3126F")
"""Pairs that protan-, deuteran- and tritanopes tell apart from each other, and from kept and pruned."""
_LEAST = 0.4
"""How strongly a single element shows on which the masks disagree, in a block of many."""


def agreement_palette(theme: Theme) -> tuple[str, str, str, str]:
    """What both keep, what both prune, what is pruned only here, and only there."""
    return theme.kept, theme.pruned, *(_DARK if theme.dark else _LIGHT)


def agreement_colours(tile: PairTile, theme: Theme) -> npt.NDArray[np.uint32]:
    """Blocks as 0xffRRGGBB, of one of four colours each where its elements agree, else a mixture.

    A block in which one element disagrees never looks like one in which all agree.
    """
    keep, prune, here, there = (_rgb(name) for name in agreement_palette(theme))
    both = tile.kept_both
    neither = tile.elements - tile.kept_a - tile.kept_b + both
    only_here, only_there = tile.kept_b - both, tile.kept_a - both
    apart = only_here + only_there
    agreed = _mixed(prune, keep, both, both + neither)
    differing = _mixed(there, here, only_here, apart)
    strength = np.where(apart > 0, _LEAST + (1 - _LEAST) * apart / np.maximum(tile.elements, 1), 0)[..., None]
    red, green, blue = np.moveaxis(np.rint(agreed + (differing - agreed) * strength).astype(np.uint32), -1, 0)
    found: npt.NDArray[np.uint32] = np.uint32(0xFF000000) | red << np.uint32(16) | green << np.uint32(8) | blue
    return found


def _mixed(
    zero: npt.NDArray[np.float64], one: npt.NDArray[np.float64], part: npt.NDArray[np.int64], of: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Colours from `zero` to `one` by the share of a part, float64 of (rows, columns, 3)."""
    share = (part / np.maximum(of, 1))[..., None]
    return zero + (one - zero) * share


def _rgb(name: str) -> npt.NDArray[np.float64]:
    colour = QColor(name)
    return np.array([colour.red(), colour.green(), colour.blue()], np.float64)
