"""Pyramids that were built, kept for when their tensor is looked at again, within a number of bytes."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict

from pruner.checkpoint import Checkpoint
from pruner.mask import Mask
from pruner.pyramid.layout import Layout
from pruner.pyramid.levels import Aggregate
from pruner.pyramid.plane import Plane
from pruner.pyramid.pyramid import Pyramid

MOST_BYTES = 512 << 20
_Key = tuple[int, str, int, Layout, Aggregate]


class PyramidCache:
    """The pyramids used last; `limit` is the most bytes of their levels together, and may be set at any time.

    An entry belongs to the very objects it was made of; it goes with its checkpoint.
    """

    def __init__(self, limit: int = MOST_BYTES) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, tuple[weakref.ref[Checkpoint], Mask | None, Pyramid]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes of all that is held."""
        with self._lock:
            return self._nbytes()

    def get(self, plane: Plane, aggregate: Aggregate = "extreme") -> Pyramid | None:
        """The pyramid of a plane, where it is held."""
        key = _key(plane, aggregate)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[0]() is not plane.checkpoint:
                return None
            self._entries.move_to_end(key)
            return entry[2]

    def put(self, plane: Plane, pyramid: Pyramid) -> None:
        """Hold a pyramid, and let those go that were not used for longest, where there is no room."""
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry[0]() is None]:
                del self._entries[key]
            self._entries[_key(plane, pyramid.aggregate)] = (weakref.ref(plane.checkpoint), plane.mask, pyramid)
            while self._entries and self._nbytes() > self.limit:
                self._entries.popitem(last=False)

    def _nbytes(self) -> int:
        return sum(pyramid.nbytes for _, _, pyramid in self._entries.values())


def _key(plane: Plane, aggregate: Aggregate) -> _Key:
    return id(plane.checkpoint), plane.info.name, id(plane.mask), plane.layout, aggregate
