"""Single elements with the smallest magnitudes: torch's `l1_unstructured`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pruner.amount import Amount
from pruner.mask import Bools, Mask
from pruner.methods import Elements, Selected
from pruner.selection import Cut, key_bits, magnitude_keys, magnitude_of, smallest

if TYPE_CHECKING:
    import torch


class L1Unstructured:
    """Prunes exactly the elements that `torch.nn.utils.prune.l1_unstructured` does; ties in order of the flat index."""

    name = "l1_unstructured"
    title = "L1 unstructured"
    passes = 3

    def select(self, elements: Elements, amount: Amount) -> Selected:
        """See `Method.select`; works on the elements' device, and on one chunk of them at a time."""
        k = amount.count(elements.mask.kept)
        if k == 0:
            return Selected(elements.mask)
        dtype = next(elements.chunks()).dtype
        cut = smallest(lambda: _keys_left(elements), k, key_bits(dtype))
        return Selected(_mask_after(elements, cut), magnitude_of(cut.key, dtype), cut.equal - cut.at_key)


METHOD = L1Unstructured()


def _keys(elements: Elements) -> Iterator[tuple[torch.Tensor, Bools]]:
    start = 0
    for chunk in elements.chunks():
        stop = start + chunk.numel()
        yield magnitude_keys(chunk), elements.mask.chunk(start, stop)
        start = stop


def _keys_left(elements: Elements) -> Iterator[torch.Tensor]:
    import torch

    for keys, kept in _keys(elements):
        yield keys if kept.all() else keys[torch.from_numpy(kept).to(keys.device)]


def _mask_after(elements: Elements, cut: Cut) -> Mask:
    at_key = cut.at_key
    bits = []
    for keys, kept in _keys(elements):
        pruned = (keys < cut.key).cpu().numpy()
        equal = np.flatnonzero((keys == cut.key).cpu().numpy() & kept)[:at_key]
        pruned[equal] = True
        at_key -= len(equal)
        bits.append(np.packbits(kept & ~pruned, bitorder="little"))
    return Mask(elements.shape, np.concatenate(bits))
