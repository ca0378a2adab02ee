"""Pickles that follow one another in a file whose rest is something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pruner.errors import damaged
from pruner.pickles.document import MAX_PICKLE
from pruner.pickles.unpickle import Pickle, PickleEndsEarly, UnpickleError, read_pickle
from pruner.pickles.values import Persistent

_WINDOWS = (0, 1 << 18, 1 << 24, MAX_PICKLE)


class PickleSequence:
    """Reads one pickle after another from the byte `position` on, and no more of the file than they need.

    How long a pickle is shows only at its end, so it is tried on what was read already and then on ever more.
    """

    def __init__(self, path: Path, file: BinaryIO, position: int = 0) -> None:
        self.position = position
        self._path = path
        self._file = file
        self._start = position
        self._window = b""

    def read(self, outside: Callable[[Any], Any] = Persistent) -> Pickle:
        """The next pickle, `outside` as in `read_pickle`; raises `PrunerError` where there is no sound one."""
        fault: UnpickleError | None = None
        for length in _WINDOWS:
            if length:
                self._load(length)
            try:
                pickle = read_pickle(self._window, self.position - self._start, outside)
            except PickleEndsEarly as error:
                fault = error
            except UnpickleError as error:
                raise damaged(self._path, str(error)) from error
            else:
                self.position += pickle.length
                return pickle
        raise damaged(self._path, str(fault)) from fault

    def take(self, length: int) -> bytes:
        """The next bytes, which are no pickle."""
        begin = self.position - self._start
        if begin + length > len(self._window):
            self._load(max(length, _WINDOWS[1]))
            begin = 0
        taken = self._window[begin : begin + length]
        if len(taken) != length:
            raise damaged(self._path, "it ends early")
        self.position += length
        return taken

    def _load(self, length: int) -> None:
        self._file.seek(self.position)
        self._start = self.position
        self._window = self._file.read(length)
