"""The files that were opened last, kept in the user's settings."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings

_KEY = "recent"
_MOST = 10


def recent_files() -> list[Path]:
    """The files opened last, the newest first; some may be gone."""
    stored = QSettings().value(_KEY)
    paths = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
    return [Path(path) for path in paths]


def remember(path: Path) -> None:
    """Put a file at the front."""
    paths = [path, *(other for other in recent_files() if other != path)]
    QSettings().setValue(_KEY, [str(one) for one in paths[:_MOST]])
