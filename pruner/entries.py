"""The state_dict as it would be saved: names in torch's order, and where each entry's bytes come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pruner.checkpoint import Kind, TensorInfo
from pruner.dtypes import torch_dtype
from pruner.mask import Bytes, Mask
from pruner.reading import read_bytes, read_chunks
from pruner.words import listed

if TYPE_CHECKING:
    import torch

Role = Literal["as_is", "zeroed", "orig", "mask", "bits"]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the output.

    `source` is the checkpoint's tensor that it comes from: taken as it is (`as_is`; `orig` under its new name), with
    what `mask` prunes zeroed (`zeroed`), or the mask itself in the source's dtype (`mask`) or as its bits (`bits`).
    """

    name: str
    source: TensorInfo
    role: Role = "as_is"
    mask: Mask | None = None

    @property
    def kind(self) -> Kind:
        """Parameter or buffer; masks are buffers."""
        return "buffer" if self.role in ("mask", "bits") else self.source.kind

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.source.nbytes

    def chunks(self) -> Iterator[memoryview]:
        """The elements' bytes by flat index, in runs of some megabytes; raises `PrunerError` on reading."""
        if self.role in ("mask", "bits"):
            for start in range(0, self.source.numel, _CHUNK):
                yield self._made(start, min(start + _CHUNK, self.source.numel))
            return
        start = 0
        for chunk in read_chunks(self.source, _CHUNK):
            yield self._values(chunk, start)
            start += chunk.numel()

    def piece(self, start: int, stop: int) -> memoryview:
        """The bytes of the flat elements from `start` (a multiple of 8) up to `stop`, or of as many of the first.

        The first ones come where the file has to be read from its beginning to find others.
        """
        if self.role in ("mask", "bits"):
            return self._made(start, stop)
        info = self.source
        if not info.readable or not info.numel:
            return memoryview(b"")
        if not info.contiguous or info.storage.deflated is not None or info.pieces:
            return self._values(next(read_chunks(info, stop - start)), 0)
        import torch

        itemsize = info.dtype_info.itemsize
        raw = read_bytes(info.storage, info.span[0] + start * itemsize, (stop - start) * itemsize)
        return self._values(torch.from_numpy(raw).view(torch_dtype(info.dtype)), start)

    def _values(self, chunk: torch.Tensor, start: int) -> memoryview:
        """The bytes of values that begin at a flat index."""
        import torch

        raw: Bytes = chunk.contiguous().view(torch.uint8).numpy()
        if self.role == "zeroed":
            assert self.mask is not None
            words = raw.view(f"u{min(self.source.dtype_info.itemsize, 8)}").reshape(chunk.numel(), -1)
            kept = self.mask.chunk(start, start + chunk.numel())
            raw = np.multiply(words, kept[:, None]).reshape(-1).view(np.uint8)
        return raw.reshape(-1).data

    def _made(self, start: int, stop: int) -> memoryview:
        """A run of the mask's elements, or of its bits' bytes."""
        import torch

        assert self.mask is not None
        if self.role == "bits":
            return np.ascontiguousarray(self.mask.bits[start:stop]).data
        one: Bytes = torch.ones(1).to(torch_dtype(self.source.dtype)).view(torch.uint8).numpy()
        return np.where(self.mask.chunk(start, stop)[:, None], one[None, :], np.uint8(0)).reshape(-1).data


def unshared(entries: Sequence[Entry]) -> list[str]:
    """Notes on what a container changes that holds every tensor by itself, in the order of its elements."""
    names = {entry.source.name for entry in entries}
    tied = [entry.name for entry in entries if names.intersection(entry.source.shares_storage_with)]
    shared = [f"Memory that tensors shared is written for each of them: {listed(tied)}."] if tied else []
    return shared + made_contiguous(entries)


def made_contiguous(entries: Iterable[Entry]) -> list[str]:
    """A note on tensors that lay in another order than that of their elements, where there are any."""
    strided = [entry.name for entry in entries if not entry.source.contiguous]
    return [f"Tensors that were not contiguous are written contiguously: {listed(strided)}."] if strided else []
