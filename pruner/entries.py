"""The state_dict as it would be saved: names in torch's order, and where each entry's bytes come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pruner.checkpoint import Kind, TensorInfo
from pruner.dtypes import torch_dtype
from pruner.mask import Bytes, Mask
from pruner.reading import read_chunks

Role = Literal["as_is", "zeroed", "orig", "mask"]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the output.

    `source` is the checkpoint's tensor that it comes from: taken as it is (`as_is`; `orig` under its new name), with
    what `mask` prunes zeroed (`zeroed`), or the mask itself in the source's dtype (`mask`).
    """

    name: str
    source: TensorInfo
    role: Role = "as_is"
    mask: Mask | None = None

    @property
    def kind(self) -> Kind:
        """Parameter or buffer; masks are buffers."""
        return "buffer" if self.role == "mask" else self.source.kind

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.source.nbytes

    def chunks(self) -> Iterator[memoryview]:
        """The elements' bytes by flat index, in runs of some megabytes; raises `PrunerError` on reading."""
        if self.role == "mask":
            yield from self._mask_chunks()
            return
        import torch

        start = 0
        for chunk in read_chunks(self.source, _CHUNK):
            raw: Bytes = chunk.contiguous().view(torch.uint8).numpy()
            stop = start + chunk.numel()
            if self.role == "zeroed":
                assert self.mask is not None
                words = raw.view(f"u{min(self.source.dtype_info.itemsize, 8)}").reshape(chunk.numel(), -1)
                raw = np.multiply(words, self.mask.chunk(start, stop)[:, None]).reshape(-1).view(np.uint8)
            yield raw.reshape(-1).data
            start = stop

    def _mask_chunks(self) -> Iterator[memoryview]:
        import torch

        assert self.mask is not None
        one: Bytes = torch.ones(1).to(torch_dtype(self.source.dtype)).view(torch.uint8).numpy()
        for start in range(0, self.mask.numel, _CHUNK):
            kept = self.mask.chunk(start, min(start + _CHUNK, self.mask.numel))
            yield np.where(kept[:, None], one[None, :], np.uint8(0)).reshape(-1).data


def unshared(entries: Sequence[Entry]) -> list[str]:
    """Notes on what a container changes that holds every tensor by itself, in the order of its elements."""
    names = {entry.source.name for entry in entries}
    tied = [entry for entry in entries if names.intersection(entry.source.shares_storage_with)]
    shared = [f"Memory that tensors shared is written for each of them: {_listed(tied)}."] if tied else []
    return shared + made_contiguous(entries)


def made_contiguous(entries: Iterable[Entry]) -> list[str]:
    """A note on tensors that lay in another order than that of their elements, where there are any."""
    strided = [entry for entry in entries if not entry.source.contiguous]
    return [f"Tensors that were not contiguous are written contiguously: {_listed(strided)}."] if strided else []


def _listed(entries: Sequence[Entry]) -> str:
    names = ", ".join(entry.name for entry in entries[:3])
    return f"{names} and {len(entries) - 3} more" if len(entries) > 3 else names
