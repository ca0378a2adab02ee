"""Colours and shapes of the window, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours, as `#rrggbb`; text colours have a contrast of at least 4.5 to 1 on `surface`."""

    dark: bool
    window: str
    surface: str
    raised: str
    line: str
    ink: str
    muted: str
    accent: str
    on_accent: str
    chosen: str
    kept: str
    pruned: str
    positive: str
    negative: str
    middle: str
    added: str
    removed: str
    warning: str
    error: str


_CHOICE = "theme"

LIGHT = Theme(
    dark=False,
    window="#F2F4F6",
    surface="#FFFFFF",
    raised="#F2F4F6",
    line="#DCE2E8",
    ink="#16212C",
    muted="#586574",
    accent="#1F7A5C",
    on_accent="#FFFFFF",
    chosen="#E1F0EA",
    kept="#17324D",
    pruned="#E3C9A0",
    positive="#B2182B",
    negative="#2166AC",
    middle="#F7F7F7",
    added="#E1F0EA",
    removed="#FBEFDF",
    warning="#8A5200",
    error="#A3262A",
)

DARK = Theme(
    dark=True,
    window="#14191E",
    surface="#1C2329",
    raised="#262F37",
    line="#34404A",
    ink="#E8EDF1",
    muted="#A0ADB9",
    accent="#4FB38F",
    on_accent="#0C1A14",
    chosen="#203A31",
    kept="#7FA6CC",
    pruned="#8F7146",
    positive="#EF8A62",
    negative="#67A9CF",
    middle="#2A3138",
    added="#203A31",
    removed="#40321F",
    warning="#E5A84B",
    error="#F08A83",
)


def current() -> Theme:
    """The theme that the user chose, or that of the system's colour scheme."""
    app = QGuiApplication.instance()
    chosen = app.property(_CHOICE) if app is not None else None
    if chosen in ("light", "dark"):
        return DARK if chosen == "dark" else LIGHT
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def choose(choice: str) -> None:
    """Take the `light` or the `dark` theme, or the `system`'s."""
    app = QGuiApplication.instance()
    if app is not None:
        app.setProperty(_CHOICE, choice)
