"""What SVG pictures share: the picture with its text equivalent, words, rectangles."""

from __future__ import annotations

from pruner.report.colours import TEXT
from pruner.report.markup import Markup, element

CHARACTER = 5.6
"""About how wide a character of 10 pixels is."""


def picture(name: str, width: float, height: float, title: str, about: str, *parts: str) -> Markup:
    """An SVG picture; `name` is its own in the page, `title` and `about` tell what it shows."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", about, id=f"{name}-about"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-about",
        font_family="system-ui, sans-serif",
        font_size="10",
    )


def box(x: float, y: float, width: float, height: float, fill: str, *children: str, **more: str | float) -> Markup:
    """A filled rectangle."""
    return element("rect", *children, x=x, y=y, width=width, height=height, fill=fill, **more)


def words(x: float, y: float, what: str, fill: str = TEXT, **more: str | float) -> Markup:
    """A line of text."""
    return element("text", what, x=x, y=y, fill=fill, **more)


def fitted(name: str, width: float) -> str:
    """A tensor's or module's name, or as many of its last parts as fit a width, about; empty where none does."""
    most = int(width / CHARACTER)
    if len(name) <= most:
        return name
    parts = name.split(".")
    ends = ("…" + ".".join(parts[first:]) for first in range(1, len(parts)))
    return next((end for end in ends if len(end) <= most), "")
