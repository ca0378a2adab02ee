"""Tensors in a file that another process writes."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from .faults import Refused


class Mapped:
    """A file, opened once, so that it needs its name no longer."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 - for as long as this is

    def tensors(self, index: list[list[Any]]) -> dict[str, Any]:
        """Views into the file as it is now, on the CPU; what is written to them stays in this process.

        The index has name, dtype (torch's name without `torch.`), shape and the first byte of each.
        """
        import torch

        raw = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
        made = {}
        for name, kind, shape, first in index:
            dtype = getattr(torch, kind, None)
            if not isinstance(dtype, torch.dtype):
                raise Refused(f"“{name}” is {kind}, a type that torch {torch.__version__} there does not have")
            empty = torch.empty(shape, dtype=dtype, device="meta")
            nbytes = empty.numel() * empty.element_size()
            if nbytes:
                flat = torch.frombuffer(raw, dtype=torch.uint8, count=nbytes, offset=first)
                made[name] = flat.view(dtype).view(shape)
            else:
                made[name] = torch.empty(shape, dtype=dtype)
        return made
