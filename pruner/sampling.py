"""Some elements of a tensor, from everywhere in it, without a pass over all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pruner.brackets import Sampled
from pruner.checkpoint import TensorInfo
from pruner.dtypes import torch_dtype
from pruner.keys import KeyArray
from pruner.mask import Bytes, Mask
from pruner.reading import read_bytes

if TYPE_CHECKING:
    import torch

_BLOCK = 1 << 8
_WORDS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Elements in blocks of neighbours: block `i` has `length` of them from the flat index `starts[i]` on.

    `values` is one-dimensional, block after block.
    """

    starts: npt.NDArray[np.int64]
    length: int
    values: torch.Tensor

    def keys(self, keys: KeyArray, mask: Mask) -> Sampled:
        """The keys of the values, without those of elements that the mask has pruned."""
        lengths = np.full(len(self.starts), self.length)
        if mask.pruned:
            places = _places(self.starts, self.length)
            bits: Bytes = mask.bits[places >> 3] >> (places & 7).astype(np.uint8) & 1
            kept = bits.view(np.bool_)
            keys, lengths = keys[kept], kept.reshape(-1, self.length).sum(1)
        return Sampled(keys, tuple(lengths[lengths > 0].tolist()))


def sample_of_file(info: TensorInfo, count: int) -> Sample | None:
    """About `count` elements of a tensor in a file; None where reading them would take a pass over all.

    Raises `PrunerError` where the file cannot be read.
    """
    if not info.contiguous or not info.readable or info.storage.deflated is not None or info.pieces:
        return None
    import torch

    itemsize = info.dtype_info.itemsize
    starts, length = _blocks(info.numel, count)
    raw = [read_bytes(info.storage, info.span[0] + int(start) * itemsize, length * itemsize) for start in starts]
    return Sample(starts, length, torch.from_numpy(np.concatenate(raw)).view(torch_dtype(info.dtype)))


def sample_of_tensor(tensor: torch.Tensor, count: int) -> Sample | None:
    """About `count` elements of a tensor in memory, on its device; None where its strides do not allow it."""
    if not tensor.is_contiguous():
        return None
    import torch

    starts, length = _blocks(tensor.numel(), count)
    places, flat = _places(starts, length), tensor.view(-1)
    if tensor.is_cpu and tensor.dtype.itemsize in _WORDS:  # torch's threads would wait for one another
        words = flat.view(getattr(torch, _WORDS[tensor.dtype.itemsize])).numpy()
        return Sample(starts, length, torch.from_numpy(words[places]).view(tensor.dtype))
    return Sample(starts, length, flat[torch.from_numpy(places).to(tensor.device)])


def _blocks(numel: int, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """Where blocks begin, one in each of as many equal parts of the tensor, at random within it; and their length."""
    length = max(1, min(_BLOCK, count, numel))
    parts = max(1, min(count, numel) // length)
    bounds = np.arange(parts + 1) * numel // parts
    room = np.maximum(np.diff(bounds) - length, 0)
    shift = np.random.Generator(np.random.PCG64(0)).random(parts)
    return bounds[:-1] + (shift * (room + 1)).astype(np.int64), length


def _places(starts: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    return (starts[:, None] + np.arange(length)).reshape(-1)
