"""Tensors on their way to another process: a file that has no name any more, in memory where there is room."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pruner.errors import PrunerError
from pruner.progress import Meter, Progress
from pruner.spill import reserve

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - files there have unguessable names, and only for an instant
_ALIGNED = 64
_SPARE = 0.9
"""Share of what is free in memory that a parcel may take."""


class Values(Protocol):
    """A tensor's values; two that are equal are the same bytes."""

    @property
    def dtype(self) -> str:
        """torch's name without `torch.`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""

    def chunks(self) -> Iterable[memoryview]:
        """The elements' bytes by flat index."""


@dataclass(frozen=True, slots=True)
class _Slot:
    first: int
    values: Values


class Parcel:
    """A file that this process writes, and another one has open and maps.

    `handed` is called with the file's path when there is a new one; when it returns, the file loses its name, so that
    nothing is left behind however the processes end.
    """

    def __init__(self, handed: Callable[[str], None]) -> None:
        self._handed = handed
        self._file = -1
        self._size = 0
        self._slots: dict[str, _Slot] = {}
        self._named: Path | None = None

    def put(self, tensors: dict[str, Values], progress: Progress | None = None) -> list[list[Any]]:
        """Have these tensors in the file; gives name, dtype, shape and first byte of each. Only changes are written.

        Raises `PrunerError` where there is no room or numbers cannot be read, and what `progress` raises.
        """
        places, size = _places(tensors)
        if size != self._size or places != {name: slot.first for name, slot in self._slots.items()}:
            self._renew(size)
        changed = {
            name: values
            for name, values in tensors.items()
            if name not in self._slots or self._slots[name].values != values
        }
        meter = Meter(sum(values.nbytes for values in changed.values()), progress)
        for name, values in changed.items():
            self._slots.pop(name, None)  # half written counts as not there
            self._write(name, values, places[name], meter)
        self._slots = {name: _Slot(places[name], values) for name, values in tensors.items()}
        return [[name, values.dtype, list(values.shape), places[name]] for name, values in tensors.items()]

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file, self._size, self._slots = -1, 0, {}
        if self._named is not None:
            with contextlib.suppress(OSError):
                self._named.unlink()
            self._named = None

    def _renew(self, size: int) -> None:
        self.close()
        folder = _folder(size)
        try:
            self._file, name = tempfile.mkstemp(prefix="secateur-", dir=folder)
            self._named = Path(name)
            self._handed(name)
            if os.name != "nt":
                self._named.unlink()
                self._named = None
            reserve(self._file, size)
            self._size = size
        except OSError as error:
            self.close()
            raise PrunerError(
                f"{folder}: there is no room for weights of {size} bytes ({error.strerror}). Free some, or name "
                "another folder in the environment variable TMPDIR."
            ) from error
        except BaseException:
            self.close()
            raise

    def _write(self, name: str, values: Values, first: int, meter: Meter) -> None:
        os.lseek(self._file, first, os.SEEK_SET)
        for chunk in values.chunks():
            rest: Sequence[int] | memoryview = chunk.cast("B") if chunk.format != "B" else chunk
            while len(rest):
                rest = rest[os.write(self._file, rest) :]  # type: ignore[arg-type]
            meter.step(chunk.nbytes, name)


def _places(tensors: dict[str, Values]) -> tuple[dict[str, int], int]:
    """The first byte of each tensor, and the bytes of all; at least one, since nothing cannot be mapped."""
    places, size = {}, 0
    for name, values in tensors.items():
        places[name] = size
        size += -(-values.nbytes // _ALIGNED) * _ALIGNED
    return places, max(size, 1)


def _folder(size: int) -> str:
    with contextlib.suppress(OSError):
        if shutil.disk_usage(_IN_MEMORY).free * _SPARE > size and os.access(_IN_MEMORY, os.W_OK):
            return str(_IN_MEMORY)
    return tempfile.gettempdir()
