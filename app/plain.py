"""Text that comes from files: shown as it is, never taken for markup.

Qt guesses whether a label's or a tooltip's text is HTML, which may name images to load; menus take “&” for a mnemonic.
"""

from __future__ import annotations

import html

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


def menu_text(text: str) -> str:
    """A menu entry's or a button's text that reads as `text` does."""
    return text.replace("&", "&&")
