"""How long the window does not answer."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer


class Gaps(QObject):
    """Ticks every two milliseconds and keeps the longest time between two ticks."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin anew."""
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer.start(2)

    def stop(self) -> float:
        """The longest time between two ticks, in milliseconds."""
        self._timer.stop()
        return max(self.longest, time.perf_counter() - self._last) * 1000

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now
