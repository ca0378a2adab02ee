"""The theme that the user chose, put on the application and remembered."""

from __future__ import annotations

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from app import style, theme

_KEY = "theme"


def dress(app: QApplication) -> None:
    """Give the application its style, and give it anew when the system's colours change."""
    app.setStyle("Fusion")
    theme.choose(str(QSettings().value(_KEY, "system")))
    style.apply(app)
    app.styleHints().colorSchemeChanged.connect(lambda _scheme: style.apply(app))


def choose_theme(name: str) -> None:
    """Take the `light` or the `dark` theme, or the `system`'s, now and from now on."""
    QSettings().setValue(_KEY, name)
    theme.choose(name)
    app = QApplication.instance()
    if isinstance(app, QApplication):
        style.apply(app)
