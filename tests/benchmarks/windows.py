"""Running a window from a script."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QTimer

_SECONDS = 300


def wait(ms: int) -> None:
    """Run the window for a while; an event loop lets the other threads work, as QTest.qWait does not."""
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()


def wait_until(condition: Callable[[], bool]) -> None:
    """Run the window until a condition holds."""
    end = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there in five minutes")
        wait(2)
