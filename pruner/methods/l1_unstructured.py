"""Single elements with the smallest magnitudes: torch's `l1_unstructured`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pruner.amount import Amount
from pruner.mask import Bools, Bytes, Mask
from pruner.methods import Elements, Selected
from pruner.selection import SAMPLE, Cut, key_bits, magnitude_keys, magnitude_of, smallest

if TYPE_CHECKING:
    import torch


class L1Unstructured:
    """Prunes exactly the elements that `torch.nn.utils.prune.l1_unstructured` does; ties in order of the flat index."""

    name = "l1_unstructured"
    title = "L1 unstructured"
    passes = 2

    def select(self, elements: Elements, amount: Amount) -> Selected:
        """See `Method.select`; works on the elements' device, and on one chunk of them at a time."""
        left = elements.mask.kept
        k = amount.count(left)
        if k == 0:
            return Selected(elements.mask)
        first = next(elements.chunks())
        dtype, sample = first.dtype, _sample(elements, left) if first.is_cpu else None
        cut = smallest(lambda: _keys_left(elements), k, key_bits(dtype), left, sample)
        mask, zeros = _mask_after(elements, cut)
        stay = cut.equal - cut.at_key if cut.key == 0 else 0
        return Selected(mask, magnitude_of(cut.key, dtype), cut.equal - cut.at_key, (zeros, mask.pruned + stay))


METHOD = L1Unstructured()


def _keys(elements: Elements) -> Iterator[tuple[torch.Tensor, Bools | None]]:
    """The keys of each chunk, and which elements earlier rounds left; None where they left all."""
    whole = elements.mask.pruned == 0
    start = 0
    for chunk in elements.chunks():
        stop = start + chunk.numel()
        yield magnitude_keys(chunk), None if whole else elements.mask.chunk(start, stop)
        start = stop


def _keys_left(elements: Elements) -> Iterator[torch.Tensor]:
    import torch

    for keys, kept in _keys(elements):
        if kept is None:
            yield keys
        elif keys.is_cpu:
            yield torch.from_numpy(keys.numpy()[kept])
        else:
            yield keys[torch.from_numpy(kept).to(keys.device)]


def _sample(elements: Elements, left: int) -> torch.Tensor | None:
    """Keys of some of the elements that are left, enough of them also where few are."""
    import torch

    wanted = SAMPLE * elements.mask.numel // left
    found = elements.sample(min(wanted, 4 * SAMPLE))
    if found is None:
        return None
    keys = magnitude_keys(found.values)
    if elements.mask.pruned == 0:
        return keys
    bits: Bytes = elements.mask.bits[found.places >> 3] >> (found.places & 7).astype(np.uint8) & 1
    return keys[torch.from_numpy(bits.view(np.bool_))]


def _mask_after(elements: Elements, cut: Cut) -> tuple[Mask, int]:
    """The mask with the cut's elements out, and the zeros among all values."""
    bits = np.empty((elements.mask.numel + 7) // 8, dtype=np.uint8)
    at_key, zeros, start = cut.at_key, 0, 0
    for chunk, kept in _keys(elements):
        keys = chunk.numpy() if chunk.is_cpu else chunk
        stay = _on_host(keys > cut.key)
        zeros += int(np.count_nonzero(_on_host(keys == 0)))
        if cut.at_key < cut.equal:
            at_key = _keep_ties(stay, _on_host(keys == cut.key), kept, at_key)
        if kept is not None:
            stay &= kept
        stop = start + len(stay)
        bits[start // 8 : (stop + 7) // 8] = np.packbits(stay, bitorder="little")
        start = stop
    return Mask(elements.shape, bits), zeros


def _on_host(flags: Any) -> Bools:
    """Flags of a NumPy array, or of a tensor on another device: what travels is one byte an element."""
    found: Bools = flags if isinstance(flags, np.ndarray) else flags.cpu().numpy()
    return found


def _keep_ties(stay: Bools, equal: Bools, kept: Bools | None, at_key: int) -> int:
    """Keep all but the first `at_key` of the elements that equal the cut's key; how many of these are still to come."""
    if kept is not None:
        equal &= kept
    places = np.flatnonzero(equal)
    stay[places[at_key:]] = True
    return max(0, at_key - len(places))
