"""Timers that go off once each time they are started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer


def once(parent: QObject, after_ms: int, then: Callable[[], Any]) -> QTimer:
    """A timer, not yet started, that calls `then` after so many milliseconds; starting it again begins anew.

    `then` is a method of a QObject, or a signal's `emit` of one, so that it ends with it.
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(after_ms)
    timer.timeout.connect(then)
    return timer
