"""Random keys that depend on a seed and a name alone: the same on every machine, device and thread."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from pruner.brackets import Sampled
from pruner.elements import PIECE, Elements
from pruner.errors import PrunerError
from pruner.keys import KeyArray, pruned_key
from pruner.mask import Mask
from pruner.ranking import Ranking
from pruner.selection import Load

BITS = 31


def require_seed(seed: int) -> None:
    """Raise `PrunerError` for what is no seed."""
    if seed < 0:
        raise PrunerError(f"A seed starts at 0; it is not {seed}.")


def ranked_at_random(elements: Elements, seed: int, mask: Mask) -> Ranking:
    """The units of a tensor that `mask` keeps, in a random order.

    The unit `i` has the `i`-th 32-bit half of the outputs of PCG64, without its last bit, as its key. The generator is
    seeded by `seed` and the tensor's name, so that a tensor's order does not depend on what else is pruned, and a later
    round of the same seed prunes on where the last one ended.
    """
    digest = hashlib.sha256(elements.name.encode("utf-8", "surrogatepass")).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    seeds = np.random.SeedSequence([seed, *words])

    def pieces() -> Iterator[Load]:
        for start in range(0, mask.numel, PIECE):
            stop = min(start + PIECE, mask.numel)
            yield partial(_keys, seeds, mask, start, stop)
            elements.passed(4 * (stop - start))

    def sample(count: int) -> Sampled | None:
        stop = min(count * mask.numel // max(mask.kept, 1), 8 * count, mask.numel)
        keys = _keys(seeds, mask, 0, stop)
        keys = keys[keys != pruned_key(BITS)]
        return Sampled(keys, (len(keys),) if len(keys) else ())

    return Ranking(mask.numel, mask.kept, BITS, pieces, sample, threads=elements.threads)


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
