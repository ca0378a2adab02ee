"""What the map says: what a pixel means, and what lies under the cursor."""

from __future__ import annotations

import math
import re

from app import numbers
from app.colour_maps import Shows
from app.map_colours import Part
from pruner.pairs import PairTile
from pruner.pyramid import Area, Tile

TITLES: dict[Part, str] = {
    "before": "Before",
    "mask": "Mask",
    "after": "After",
    "difference": "Difference",
    "here": "Here",
    "there": "There",
    "apart": "Difference",
    "agreement": "Masks",
}
_WHOSE = {"after": "kept ", "difference": "pruned "}
_ONE = {
    "before": ("value",),
    "after": ("value, 0 where pruned", "value"),
    "difference": ("value that is pruned",),
    "here": ("value",),
    "there": ("value",),
    "apart": ("here less there",),
}


def meanings(part: Part, tile: Tile, shows: Shows = "extreme") -> tuple[str, ...]:
    """What a pixel of a part means, the longest wording first, for where there is room."""
    size = f"{tile.block} × {tile.block}"
    if part == "agreement":
        return ("both keep, both prune, only here, only there", "both keep, both prune, here, there", "4 colours")
    if part == "mask":
        if tile.block == 1:
            return ("1 kept, 0 pruned",)
        return (f"kept, share of {size} elements", f"kept, share of {size}", f"share of {size}")
    if tile.read < 1 and tile.block > 1:
        return (f"values, {tile.read:.0%} of them read", f"{tile.read:.0%} read")
    if tile.block == 1:
        what = "magnitude" if shows == "magnitude" and part in _ONE else "value"
        return tuple(text.replace("value", what) for text in _ONE[part])
    if part == "apart":
        return (f"largest difference of {size} elements", f"largest difference of {size}", f"largest of {size}")
    whose = _WHOSE.get(part, "")
    if tile.aggregate == "mean":
        of = {"after": ", 0 where pruned", "difference": ", 0 where kept"}.get(part, "")
        return f"mean of {size} values{of}", f"mean of {size}{of}", f"mean of {size} values", f"mean of {size}"
    if shows == "magnitude":
        largest = f"largest {whose}magnitude of {size}"
        return f"{largest} elements", largest, f"largest {whose}of {size}", f"largest of {size}"
    return (
        f"{whose}value of largest magnitude, of {size} elements",
        f"largest {whose}value of {size} elements",
        f"largest {whose}of {size}",
        f"largest of {size}",
    )


def describe(tile: Tile, row: int, column: int) -> str:
    """What lies at a place of the plane, in the tensor's own terms; empty where no element is."""
    place = tile.place(row, column)
    if place is None:
        return ""
    if isinstance(tile, PairTile):
        return _describe_pair(tile, row, column, place)
    kept, elements = int(tile.kept[place]), int(tile.elements[place])
    before, after = float(tile.before[place]), float(tile.after[place])
    index = tile.layout.index(row, column)
    if tile.block == 1:
        assert index is not None
        return f"{tile.layout.describe(index)} · {numbers.figure(before)}{'' if kept else ' → pruned'}"
    share = f"{numbers.percent(kept / elements)} kept, {numbers.count(kept)} of {numbers.count(elements)}"
    figure = f"{numbers.figure(before)}{'' if before == after else f' → {numbers.figure(after)}'}"
    stands = f"{'mean' if tile.aggregate == 'mean' else 'largest'} {figure}"
    return f"{_where(tile, *place)} · {share} · {'values not read yet' if before != before else stands}"


def _describe_pair(tile: PairTile, row: int, column: int, place: tuple[int, int]) -> str:
    changed, elements = int(tile.changed[place]), int(tile.elements[place])
    apart = float(tile.after[place])
    index = tile.layout.index(row, column)
    if tile.block == 1:
        assert index is not None
        here, there = float(tile.a[place]), float(tile.b[place])
        told = f"difference {numbers.figure(apart)}" if changed else "equal"
        where = f"{tile.layout.describe(index)} · here {numbers.figure(here)}, there {numbers.figure(there)} · {told}"
        kept_a, kept_b = bool(tile.kept_a[place]), bool(tile.kept_b[place])
        both = "both keep it" if kept_a else "both prune it"
        return f"{where} · {both if kept_a == kept_b else 'pruned only there' if kept_a else 'pruned only here'}"
    share = f"{numbers.count(changed)} of {numbers.count(elements)} differ"
    apart_by = int(tile.kept_a[place] + tile.kept_b[place] - 2 * tile.kept_both[place])
    agreed = f"masks agree on {numbers.percent(1 - apart_by / elements)}"
    return f"{_where(tile, *place)} · {share}, largest {numbers.figure(apart)} · {agreed}"


def _where(tile: Tile, y: int, x: int) -> str:
    """The rows and columns, or filters, of a block."""
    top, left = tile.area.top + y * tile.block, tile.area.left + x * tile.block
    block = Area(top, left, top + tile.block, left + tile.block)
    return tile.layout.where(block.within(tile.layout.whole))


def parse_index(text: str, dimensions: tuple[int, ...]) -> int:
    """The flat index of what was typed for a tensor of a shape: `211, 604`, or one number counted over all elements.

    Raises `ValueError` with what is wrong.
    """
    if not re.fullmatch(r"[\s\d,;()\[\]-]+", text):
        raise ValueError("An index is whole numbers, such as 211, 604.")
    parts = [int(part) for part in re.findall(r"-?\d+", text)]
    shape = (math.prod(dimensions),) if len(parts) == 1 else dimensions
    if len(parts) != len(shape):
        raise ValueError(f"The tensor has {numbers.plural(len(shape), 'dimension')}; {len(parts)} numbers are given.")
    flat = 0
    for part, size in zip(parts, shape, strict=True):
        if not -size <= part < size:
            raise ValueError(f"{part} is not from 0 to {size - 1}.")
        flat = flat * size + part % size
    return flat
