"""Numbers as people read them: thin spaces between thousands, few digits, units always."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

THIN = "\u202f"
"""A thin space at which no line ends."""
_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SIZES = ("bytes", "KiB", "MiB", "GiB", "TiB")


def count(n: int) -> str:
    """All digits, a thin space between thousands: `307 200`."""
    return f"{n:,}".replace(",", THIN)


def thinned(text: str) -> str:
    """What the engine wrote, with thin spaces for commas between thousands."""
    return re.sub(r"(?<=\d),(?=\d{3}\b)", THIN, text)


def short_count(n: int) -> str:
    """Three digits and a scale: `896`, `8.64 k`, `2.22 M`."""
    for scale, unit in _SCALES:
        if n >= scale * 0.9995:
            return f"{_three(n / scale)}{THIN}{unit}"
    return str(n)


def size(nbytes: int) -> str:
    """Bytes with a binary unit: `6.75 KiB`."""
    value, unit = float(nbytes), _SIZES[0]
    for unit in _SIZES:
        if value < 1023.5 or unit == _SIZES[-1]:
            break
        value /= 1024
    if unit == _SIZES[0]:
        return f"{nbytes}{THIN}{'byte' if nbytes == 1 else unit}"
    return f"{_three(value)}{THIN}{unit}"


def percent(share: float) -> str:
    """A share as `30.0 %`; what is not quite 0 or 100 % is never rounded to it."""
    if share == 0 or share == 1:
        return f"{share * 100:.0f}{THIN}%"
    if not 0.0005 <= share <= 0.9995:
        return f"<{THIN}0.1{THIN}%" if share < 0.5 else f">{THIN}99.9{THIN}%"
    return f"{share * 100:.1f}{THIN}%"


def figure(value: float | None) -> str:
    """Four significant digits of any number; an en dash for none."""
    if value is None:
        return "–"
    if math.isnan(value) or math.isinf(value):
        return str(value).replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def shape(sizes: Sequence[int]) -> str:
    """`64 × 3 × 3 × 3`; a scalar has no dimensions."""
    return " × ".join(str(size) for size in sizes) if sizes else "scalar"


def compact_shape(sizes: Sequence[int]) -> str:
    """`64·3·3·3`, for narrow columns."""
    return "·".join(str(size) for size in sizes) if sizes else "scalar"


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 tensor`, `12 tensors`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """A time people wait: `0.3 s`, `12 s`, `3 min 5 s`."""
    if seconds < 10:
        return f"{seconds:.1f}{THIN}s"
    if seconds < 60:
        return f"{seconds:.0f}{THIN}s"
    return f"{int(seconds // 60)}{THIN}min {int(seconds % 60)}{THIN}s"


def _three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
