"""Text that comes from files: shown as it is, never taken for markup.

Qt guesses whether a label's or a tooltip's text is HTML, which may name images to load; menus take “&” for a mnemonic.
"""

from __future__ import annotations

import html
import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget


def plain_label(parent: QWidget) -> QLabel:
    """A label that shows markup as text."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def plain_tip(text: str) -> str:
    """A tooltip's text that reads as `text` does."""
    return f"<span>{html.escape(text)}</span>" if text else ""


def unfolded(markup: str) -> str:
    """Markup whose thin spaces stay: Qt folds those within numbers into spaces where a line may end."""
    return f"<span style='white-space: pre-wrap'>{markup}</span>"


def menu_text(text: str) -> str:
    """A menu entry's or a button's text that reads as `text` does."""
    return text.replace("&", "&&")


def breakable(text: str) -> str:
    """The text with places where a label may break long words, such as paths, which would else widen the window."""
    return re.sub(r"\S{41,}", lambda word: re.sub(r"/|[^/]{30}", lambda part: part[0] + "\u200b", word[0]), text)


def clipped(text: str, most: int) -> str:
    """The text on one line of at most so many characters, its middle left out where it is longer.

    Characters that show nothing, or turn the direction of what follows, become spaces.
    """
    ends = text if len(text) <= 4 * most else text[: 2 * most] + text[-2 * most :]
    line = " ".join("".join(one if one.isprintable() else " " for one in ends).split())
    return line if len(line) <= most else f"{line[: (most - 1) // 2]}…{line[-(most // 2) :]}"
