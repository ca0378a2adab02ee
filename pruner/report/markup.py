"""Elements of HTML and SVG, in which nothing but what was built here is markup."""

from __future__ import annotations

import html

from pruner.printable import one_line
from pruner.report.words import THIN

_VOID = frozenset({"meta", "img", "wbr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(words: str) -> Markup:
    """Text as it reads; characters that show nothing, or turn the direction of what follows, as escapes."""
    return words if isinstance(words, Markup) else Markup(_escaped(words))


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """An element; children that are plain text are escaped, as attributes are.

    An underscore in an attribute's name stands for a hyphen, and one at its end for nothing, as in `class_`.
    """
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{_value(one)}"' for name, one in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{''.join(map(text, children))}</{tag}>")


def joined(*parts: str) -> Markup:
    """Parts one after the other; plain text is escaped."""
    return Markup("".join(map(text, parts)))


def _value(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return _escaped(str(value))


def _escaped(words: str) -> str:
    """The thin space of numbers stays; else it would count as a character that shows nothing."""
    return html.escape(THIN.join(map(one_line, words.split(THIN))))
