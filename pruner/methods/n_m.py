"""N of every M neighbours: the pattern that sparse tensor cores run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pruner.channels import no_dimension
from pruner.elements import Elements, Values, mask_by
from pruner.errors import PrunerError
from pruner.keys import KeyArray, magnitude_keys
from pruner.mask import Bools, Mask
from pruner.methods import Shaped, option
from pruner.selection import host
from pruner.words import counted

_FEW = 16
"""Up to so many elements of a group are compared two by two, which is faster than sorting."""


@dataclass(frozen=True, slots=True)
class NM:
    """Keeps the `n` elements of largest magnitude of every `m` neighbours along a dimension, and prunes the others.

    2:4 is what NVIDIA's sparse tensor cores take, along the input dimension of a linear layer (Mishra et al.,
    Accelerating Sparse Deep Neural Networks, arXiv:2104.08378). Among equal magnitudes those with the smaller index are
    pruned first, NaN last; what earlier rounds pruned stays pruned and counts as the smallest. Raises `PrunerError` for
    an `n` or an `m` without a meaning.
    """

    name: ClassVar[str] = "n_m"
    title: ClassVar[str] = "N:M"
    about: ClassVar[str] = "Keeps the N largest magnitudes of every M neighbours, such as 2:4. It takes no amount."
    passes: ClassVar[int] = 2

    n: int = option("Kept (N)", "How many elements of each group stay.", int, 2)
    m: int = option("Group (M)", "How many neighbours a group has; it must divide the dimension.", int, 4)
    dim: int = option(
        "Dimension", "Along which dimension neighbours lie: 1 is the input, as hardware wants it.", int, 1
    )

    def __post_init__(self) -> None:
        if not 0 <= self.n <= self.m or self.m < 1:
            raise PrunerError(f"{self.n}:{self.m} is no pattern: N of every M elements are kept, such as 2:4.")

    @property
    def brief(self) -> str:
        """The pattern, such as `2:4`."""
        return f"{self.n}:{self.m}"

    def __str__(self) -> str:
        return self.brief if self.dim == 1 else f"{self.brief} along dimension {self.dim}"

    def unfit(self, tensor: Shaped) -> str:
        """The dimension must be there, and consist of whole groups."""
        if missing := no_dimension(tensor.shape, self.dim):
            return missing
        size = tensor.shape[self.dim]
        groups = f"its dimension {self.dim} has {counted(size, 'element')}, not a multiple of {self.m}"
        return groups if size % self.m else ""

    def mask(self, elements: Elements) -> Mask:
        """The mask after the round, of the tensor's shape."""
        if not elements.numel:
            return elements.mask
        inner = math.prod(elements.shape[self.dim % len(elements.shape) + 1 :])
        run = self.m * inner
        whole = math.lcm(run, 8)

        def stays(start: int, values: Values) -> Bools:
            keys = host(magnitude_keys(values()))
            kept = elements.mask.chunk(start, start + len(keys)) if elements.mask.pruned else None
            return self._kept(keys, kept, inner)

        return mask_by(replace(elements, piece=max(1, elements.piece // whole) * whole), stays)

    def _kept(self, keys: KeyArray, kept: Bools | None, inner: int) -> Bools:
        """Which elements of whole groups stay."""
        ranks = keys.astype(np.int64)
        if kept is not None:
            ranks[~kept] = -1
        groups = np.ascontiguousarray(ranks.reshape(-1, self.m, inner).swapaxes(0, 1))
        stays = (_ranks_by_pairs if self.m <= _FEW else _ranks_by_sorting)(groups) >= self.m - self.n
        flags: Bools = stays.swapaxes(0, 1).reshape(-1)
        return flags if kept is None else flags & kept


def _ranks_by_pairs(groups: KeyArray) -> KeyArray:
    """How many of its group come before each element; the group is the first dimension."""
    ranks = np.zeros(groups.shape, dtype=np.int8)
    for later in range(1, len(groups)):
        for earlier in range(later):
            first = groups[earlier] <= groups[later]
            ranks[later] += first
            ranks[earlier] += ~first
    return ranks


def _ranks_by_sorting(groups: KeyArray) -> KeyArray:
    return groups.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")


METHOD = NM
