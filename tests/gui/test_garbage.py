"""Garbage is collected on the GUI thread, so that no widget is ever deleted on another."""

import gc
import threading
import weakref

from PySide6.QtCore import QObject

from app.garbage import GarbageCollector


class Ring:
    """An object that only the collector can free, and that notes on which thread it was freed."""

    freed_on: list[str] = []  # noqa: RUF012 - shared on purpose

    def __init__(self) -> None:
        self.itself = self
        weakref.finalize(self, lambda: Ring.freed_on.append(threading.current_thread().name))


def test_that_garbage_is_collected_on_the_gui_thread_only(qtbot):
    owner = QObject()
    GarbageCollector(owner)
    assert not gc.isenabled()
    Ring.freed_on.clear()

    def work() -> None:
        for _ in range(2000):
            Ring()
            [[] for _ in range(100)]

    worker = threading.Thread(target=work, name="worker")
    worker.start()
    worker.join()
    assert Ring.freed_on == []
    qtbot.waitUntil(lambda: len(Ring.freed_on) == 2000, timeout=5000)
    assert set(Ring.freed_on) == {"MainThread"}
