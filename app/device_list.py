"""The devices that pruning can run on, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, Signal

from app.jobs import Failure, ViewLane, share_cores
from pruner.devices import Device, available


class DeviceList(QObject):
    """The CPU at first, and what else there is once torch has been imported."""

    changed = Signal()

    def __init__(self, view: ViewLane, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._asked = False
        self.known: tuple[Device, ...] = (Device("cpu", "CPU"),)
        self.chosen = "cpu"

    def choose(self, name: str) -> None:
        """Prune on that device from now on."""
        self.chosen = name
        self.changed.emit()

    def load_torch(self, failed: Callable[[Failure], None]) -> None:
        """Import torch behind the window, once, and learn which devices it can use.

        It comes before all else on the view lane, whose share of the cores it sets.
        """
        if self._asked:
            return
        self._asked = True

        def steps() -> Iterator[tuple[Device, ...]]:
            share_cores(1)
            yield available()

        self._view.request("torch", steps(), self._found, failed, urgency=-1)

    def _found(self, devices: tuple[Device, ...]) -> None:
        self.known = devices
        self.choose(devices[1 if len(devices) > 1 else 0].name)
