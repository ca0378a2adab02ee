"""Sensitivity as a figure: parameter by ratio as a map of colours, and the whole model as two lines; SVG for print."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from pruner.sensitivity.profiles import Profile
from pruner.sensitivity.whole import Whole

INK, SAND, MUTED, LINE, ACCENT = "#17324D", "#E3C9A0", "#5B6770", "#D5DADF", "#1F7A5C"
_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_SIZE = 11
_CHAR = 6.4
"""The width of a character, about; names are cut to fit."""
_CELL, _ROW, _LEAST_ROW = 42, 18, 3
_LEAST_WIDE = 360
"""Of all cells side by side, and so of the words above them."""
_MOST_HIGH = 1100
_NAME_CHARS = 48
_GAP, _MARGIN = 64, 16
_CHART = 280
_CURVE_POINTS = 100
_HALF_WAY = 0.179
"""The luminance on which black and white have the same contrast."""


def picture(title: str, profiles: Sequence[Profile], whole: Whole) -> str:
    """The figure as SVG text; rows get thinner, and names and numbers fewer, where there are many parameters.

    The profiles need at least one ratio.
    """
    row = min(_ROW, max(_LEAST_ROW, _MOST_HIGH // len(profiles)))
    labels = [_short(one.name) for one in profiles]
    left = _MARGIN + _CHAR * max(len(label) for label in labels) + 8
    top = 64
    cell = max(_CELL, _LEAST_WIDE / len(profiles[0].losses))
    wide, high = cell * len(profiles[0].losses), row * len(profiles)
    chart_left = left + wide + _GAP + 16
    width = chart_left + _CHART + 24
    height = top + max(high + 64, _CHART + 64)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{_FONT}" font-size="{_SIZE}">',
        f"<title>Sensitivity of {_safe(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#FFFFFF"/>',
        _text(_MARGIN, 24, f"Sensitivity of {title}", size=14, weight="bold"),
        _text(left, 44, "L2 norm that remains (%), by the ratio pruned of each parameter", MUTED),
        _text(chart_left, 44, "L2 norm that remains of all parameters together", MUTED),
        *_map(profiles, labels, left, top, cell, row),
        *_scale(left, top + high + 40, wide),
        *_chart(whole, chart_left, top),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _map(
    profiles: Sequence[Profile], labels: Sequence[str], left: float, top: float, cell: float, row: int
) -> Iterator[str]:
    every = max(1, -(-(_SIZE + 1) // row))  # so many rows share the room of one name
    for y, (one, label) in enumerate(zip(profiles, labels, strict=True)):
        place = top + y * row
        if y % every == 0:
            yield _text(left - 8, place + row / 2 + 4, label, anchor="end")
        for x, loss in enumerate(one.losses):
            yield (
                f'<rect x="{left + x * cell:.1f}" y="{place:.1f}" width="{cell + 0.2:.1f}" '
                f'height="{row + 0.2:.1f}" fill="{_colour(loss.l2)}"/>'
            )
            if row >= _SIZE + 3:
                middle, number = left + (x + 0.5) * cell, f"{100 * loss.l2:.1f}"
                yield _text(middle, place + row / 2 + 4, number, _on(loss.l2), anchor="middle")
    bottom = top + row * len(profiles) + 16
    for x, loss in enumerate(profiles[0].losses):
        yield _text(left + (x + 0.5) * cell, bottom, f"{100 * loss.ratio:g}%", MUTED, anchor="middle")


def _scale(left: float, top: float, wide: float) -> Iterator[str]:
    """What the colours mean."""
    steps = 40
    length = min(200.0, wide)
    for step in range(steps):
        x = left + length * step / steps
        fill = _colour((step + 0.5) / steps)
        yield f'<rect x="{x:.1f}" y="{top:.1f}" width="{length / steps + 0.3:.1f}" height="8" fill="{fill}"/>'
    yield _text(left, top + 20, "0%", MUTED)
    yield _text(left + length, top + 20, "100%", MUTED, anchor="end")


def _chart(whole: Whole, left: float, top: float) -> Iterator[str]:
    """The two lines, with axes from 0 to 100 %."""
    for part in range(0, 101, 25):
        x, y = left + _CHART * part / 100, top + _CHART * (1 - part / 100)
        yield f'<path d="M{x:.1f} {top:.1f}v{_CHART}M{left:.1f} {y:.1f}h{_CHART}" stroke="{LINE}" fill="none"/>'
        yield _text(x, top + _CHART + 16, f"{part}%", MUTED, anchor="middle")
        yield _text(left - 6, y + 4, f"{part}%", MUTED, anchor="end")
    yield _text(left + _CHART / 2, top + _CHART + 34, "pruned of all elements", MUTED, anchor="middle")
    found = [whole.at(step / _CURVE_POINTS) for step in range(_CURVE_POINTS + 1)]
    lines = (
        ("one threshold over all", [one.together for one in found], ACCENT, ""),
        ("the same ratio of each", [one.uniform for one in found], INK, ' stroke-dasharray="5 3"'),
    )
    for place, (label, kept, colour, dash) in enumerate(lines):
        points = " ".join(
            f"{left + _CHART * step / _CURVE_POINTS:.1f},{top + _CHART * (1 - share):.1f}"
            for step, share in enumerate(kept)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
        y = top + _CHART - 28 + 16 * place
        yield f'<path d="M{left + 10:.1f} {y - 4:.1f}h24" stroke="{colour}" stroke-width="1.8"{dash}/>'
        yield _text(left + 40, y, label)


def _colour(share: float) -> str:
    """From sand, nothing remains, to ink, all does."""
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (SAND, INK)]
    mixed = (round(low + (high - low) * share) for low, high in zip(*ends, strict=True))
    return "#" + "".join(f"{part:02X}" for part in mixed)


def _on(share: float) -> str:
    """Black or white, whichever has the contrast of 4.5 to 1 on the colour of a share (WCAG 2, relative luminance)."""
    parts = [int(_colour(share)[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#FFFFFF" if luminance < _HALF_WAY else "#000000"


def _text(
    x: float, y: float, text: str, fill: str = INK, *, anchor: str = "start", size: int = _SIZE, weight: str = ""
) -> str:
    more = f' font-size="{size}"' * (size != _SIZE) + f' font-weight="{weight}"' * bool(weight)
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"{more}>{_safe(text)}</text>'


def _short(name: str) -> str:
    """A name that fits; of a long one the end tells most."""
    return name if len(name) <= _NAME_CHARS else f"…{name[1 - _NAME_CHARS :]}"


def _safe(text: str) -> str:
    """Text as XML takes it: no control characters, no lone surrogates."""
    return escape(re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text))
