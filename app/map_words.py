"""What the map says: what a pixel means, and what lies under the cursor."""

from __future__ import annotations

import re

from app import numbers
from app.colour_maps import Shows
from app.map_colours import Part
from pruner.pyramid import Area, Layout, Tile

TITLES: dict[Part, str] = {"before": "Before", "mask": "Mask", "after": "After", "difference": "Difference"}
_WHOSE = {"before": "", "after": "kept ", "difference": "pruned "}


def meanings(part: Part, tile: Tile, shows: Shows = "extreme") -> tuple[str, ...]:
    """What a pixel of a part means, the longest wording first, for where there is room."""
    size = f"{tile.block} × {tile.block}"
    if part == "mask":
        if tile.block == 1:
            return ("1 kept, 0 pruned",)
        return (f"kept, share of {size} elements", f"kept, share of {size}", f"share of {size}")
    if tile.read < 1 and tile.block > 1:
        return (f"values, {tile.read:.0%} of them read", f"{tile.read:.0%} read")
    if tile.block == 1:
        what = "magnitude" if shows == "magnitude" else "value"
        return {"before": (what,), "after": (f"{what}, 0 where pruned", what)}.get(
            part, (f"{what} that is pruned", what)
        )
    whose = _WHOSE[part]
    if tile.aggregate == "mean":
        of = {"before": "", "after": ", 0 where pruned", "difference": ", 0 where kept"}[part]
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


def _where(tile: Tile, y: int, x: int) -> str:
    """The rows and columns, or filters, of a block."""
    top, left = tile.area.top + y * tile.block, tile.area.left + x * tile.block
    block = Area(top, left, top + tile.block, left + tile.block)
    return tile.layout.where(block.within(tile.layout.whole))


def parse_index(text: str, layout: Layout) -> int:
    """The flat index of what was typed: `211, 604`, or one number counted over all elements.

    Raises `ValueError` with what is wrong.
    """
    if not re.fullmatch(r"[\s\d,;()\[\]-]+", text):
        raise ValueError("An index is whole numbers, such as 211, 604.")
    parts = [int(part) for part in re.findall(r"-?\d+", text)]
    shape = (layout.numel,) if len(parts) == 1 else layout.shape
    if len(parts) != len(shape):
        raise ValueError(f"The tensor has {numbers.plural(len(shape), 'dimension')}; {len(parts)} numbers are given.")
    flat = 0
    for part, size in zip(parts, shape, strict=True):
        if not -size <= part < size:
            raise ValueError(f"{part} is not from 0 to {size - 1}.")
        flat = flat * size + part % size
    return flat
