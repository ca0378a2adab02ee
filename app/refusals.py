"""How a field says that what was typed is wrong."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLineEdit, QToolTip

from app.plain import plain_tip


def show_refusal(line: QLineEdit, reason: str) -> None:
    """Mark what was typed as wrong, and say why under it."""
    _mark(line, wrong=True)
    line.setAccessibleDescription(reason)
    QToolTip.showText(line.mapToGlobal(QPoint(0, line.height())), plain_tip(reason), line)


def forgive(line: QLineEdit) -> None:
    """Show a line as usual."""
    if line.property("wrong"):
        _mark(line, wrong=False)
        line.setAccessibleDescription("")


def _mark(line: QLineEdit, *, wrong: bool) -> None:
    if bool(line.property("wrong")) != wrong:
        line.setProperty("wrong", wrong)
        line.style().unpolish(line)
        line.style().polish(line)
