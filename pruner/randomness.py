"""Random keys that depend on a seed and a name alone: the same on every machine, device and thread."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pruner.brackets import Sampled
from pruner.elements import PIECE
from pruner.keys import KeyArray, pruned_key
from pruner.mask import Mask
from pruner.selection import Load

if TYPE_CHECKING:
    from pruner.ranking import Ranking

BITS = 31


def ranked_at_random(name: str, seed: int, mask: Mask, threads: int = 1) -> Ranking:
    """Units in a random order: the unit `i` has the `i`-th 32-bit half of the outputs of PCG64 as its key.

    The generator is seeded by `seed` and the tensor's `name`, so that a tensor's order does not depend on what else is
    pruned, and a later round of the same seed prunes on where the last one ended.
    """
    from pruner.ranking import Ranking

    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    seeds = np.random.SeedSequence([seed, *words])

    def pieces() -> Iterator[Load]:
        for start in range(0, mask.numel, PIECE):
            yield partial(_keys, seeds, mask, start, min(start + PIECE, mask.numel))

    def sample(count: int) -> Sampled | None:
        stop = min(count * mask.numel // max(mask.kept, 1), 8 * count, mask.numel)
        keys = _keys(seeds, mask, 0, stop)
        keys = keys[keys != pruned_key(BITS)]
        return Sampled(keys, (len(keys),) if len(keys) else ())

    return Ranking(mask.numel, mask.kept, BITS, pieces, sample, threads=threads)


def _keys(seeds: np.random.SeedSequence, mask: Mask, start: int, stop: int) -> KeyArray:
    """Keys of the units from `start`, a multiple of 8, up to `stop`."""
    generator = np.random.PCG64(seeds)
    generator.advance(start // 2)
    raw = np.asarray(generator.random_raw((stop - start + 1) // 2), dtype="<u8")
    keys = raw.view("<u4")[: stop - start].astype(np.uint32) >> 1
    np.minimum(keys, pruned_key(BITS) - 1, out=keys)
    if mask.pruned:
        keys[~mask.chunk(start, stop)] = pruned_key(BITS)
    return keys
