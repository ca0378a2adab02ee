"""Tensors in a file that another process writes."""

from __future__ import annotations

import math
import mmap
import warnings
from pathlib import Path
from typing import Any

from .faults import Refused


class Mapped:
    """A file, opened once, so that it needs its name no longer; mapped when it has its size."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 - for as long as this is
        self._bytes: Any = None

    def tensors(self, index: list[list[Any]]) -> dict[str, Any]:
        """Views into the file as it is now, on the CPU; they are to be copied, and not written to.

        The index has name, dtype (torch's name without `torch.`), shape and the first byte of each.
        """
        import torch

        if self._bytes is None:
            mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns that the file cannot be written to
                self._bytes = torch.frombuffer(mapped, dtype=torch.uint8)
        made = {}
        for name, kind, shape, first in index:
            dtype = getattr(torch, kind, None)
            if not isinstance(dtype, torch.dtype):
                raise Refused(f"“{name}” is {kind}, a type that torch {torch.__version__} there does not have")
            nbytes = math.prod(shape) * torch.empty(0, dtype=dtype).element_size()
            made[name] = self._bytes[first : first + nbytes].view(dtype).view(shape)
        return made
