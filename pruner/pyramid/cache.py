"""Pyramids that were built, kept for when their tensor is looked at again, within a number of bytes."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.pyramid.plane import Plane
from pruner.pyramid.pyramid import Pyramid

MOST_BYTES = 512 << 20


class PyramidCache:
    """The pyramids used last; `limit` is the most bytes of their levels together, and may be set at any time.

    An entry belongs to the very objects it was made of; it goes with its checkpoint.
    """

    def __init__(self, limit: int = MOST_BYTES) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[int, str, int], tuple[weakref.ref[Checkpoint], Mask | None, Pyramid]] = (
            OrderedDict()
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        with self._lock:
            return self._nbytes()

    def get(self, plane: Plane) -> Pyramid | None:
        """The pyramid of a plane, where it is held."""
        with self._lock:
            entry = self._entries.get(_key(plane))
            if entry is None or entry[0]() is not plane.checkpoint:
                return None
            self._entries.move_to_end(_key(plane))
            return entry[2]

    def put(self, plane: Plane, pyramid: Pyramid) -> None:
        """Hold a pyramid, and let those go that were not used for longest, where there is no room."""
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry[0]() is None]:
                del self._entries[key]
            self._entries[_key(plane)] = (weakref.ref(plane.checkpoint), plane.mask, pyramid)
            while self._entries and self._nbytes() > self.limit:
                self._entries.popitem(last=False)

    def _nbytes(self) -> int:
        return sum(pyramid.nbytes for _, _, pyramid in self._entries.values())


def _key(plane: Plane) -> tuple[int, str, int]:
    return id(plane.checkpoint), plane.info.name, id(plane.mask)
