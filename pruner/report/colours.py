"""The colours of pictures: ink is kept, sand is pruned or zero."""

from __future__ import annotations

KEPT = (0x17, 0x32, 0x4D)
PRUNED = (0xE3, 0xC9, 0xA0)
GREY = "#DCE2E8"
LINE = "#586574"
TEXT = "#16212C"
CUT = "#1F7A5C"


def hexed(colour: tuple[int, int, int]) -> str:
    """A colour as `#rrggbb`."""
    return "#{:02X}{:02X}{:02X}".format(*colour)


def mixed(gone: float) -> tuple[int, int, int]:
    """The colour of a share that is pruned, or zero, in [0, 1]."""
    red, green, blue = (round(ink + gone * (sand - ink)) for ink, sand in zip(KEPT, PRUNED, strict=True))
    return red, green, blue


def on(colour: tuple[int, int, int]) -> str:
    """Black or white, whichever stands out more on a colour: at least 4.5 to 1 (WCAG 2, relative luminance)."""
    light = sum(
        weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in zip((0.2126, 0.7152, 0.0722), (channel / 255 for channel in colour), strict=True)
    )
    return "#000000" if light > 0.179 else "#FFFFFF"
