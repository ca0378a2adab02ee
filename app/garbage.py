"""Python's garbage collector, on the GUI thread alone.

As a rule the collector runs on whatever thread makes the next object. A window's object that it finds there would be
deleted on a worker, while Qt may be using it on its own thread: that ends the process.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_PERIOD_MS = 1000


class GarbageCollector(QObject):
    """Collects on its own thread what the collector, were it running by itself, would have collected."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the oldest generation whose turn it is, with all younger ones."""
        due = [count > most for count, most in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        oldest = max((generation for generation, is_due in enumerate(due) if is_due), default=None)
        if oldest is not None:
            gc.collect(oldest)

    def spare(self) -> None:
        """Look no more at what is there now: an import of torch, or a large document, would stop the window."""
        gc.freeze()
