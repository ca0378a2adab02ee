"""Norms of channels, from one pass over the values."""

from __future__ import annotations

from typing import Any

import numpy as np

from pruner.channels import Channels, Floats
from pruner.elements import Elements, Values
from pruner.parallel import in_order


def channel_norms(elements: Elements, channels: Channels, n: float) -> Floats:
    """The `n`-norm of each channel as `torch.norm` defines it, in float64; what earlier rounds pruned counts as 0.

    `n` is any number, infinity (the largest magnitude), minus infinity (the smallest) or 0 (how many are not 0).
    """
    join, total = _joining(n, channels.count)

    def part(piece: tuple[int, Values]) -> tuple[Any, Floats]:
        start, values = piece
        powers = _powers(_magnitudes(values, elements, start), n)
        begins, rows = channels.runs(start, start + len(powers))
        return rows, powers if channels.inner == 1 else join.reduceat(powers, begins)

    for rows, found in in_order(part, elements.pieces(), elements.threads):
        if n in (np.inf, -np.inf):
            join.at(total, rows, found)
        else:
            total += np.bincount(rows, weights=found, minlength=channels.count)
    if n in (0, np.inf, -np.inf):
        return total
    with np.errstate(divide="ignore"):
        norms: Floats = total ** (1 / n)
    return norms


def _magnitudes(values: Values, elements: Elements, start: int) -> Floats:
    import torch

    given = values()
    wide = given.to(torch.complex128 if given.is_complex() else torch.float64).abs()
    found: Floats = wide.cpu().numpy()
    if elements.mask.pruned:
        found[~elements.mask.chunk(start, start + len(found))] = 0
    return found


def _powers(magnitudes: Floats, n: float) -> Floats:
    if n == 0:
        flags: Floats = (magnitudes != 0).astype(np.float64)
        return flags
    if n in (1, np.inf, -np.inf):
        return magnitudes
    if n == 2:
        squares: Floats = np.square(magnitudes)
        return squares
    with np.errstate(divide="ignore"):
        powers: Floats = magnitudes**n
    return powers


def _joining(n: float, count: int) -> tuple[np.ufunc, Floats]:
    """What joins the powers of one channel, and what it begins with."""
    first: dict[float, tuple[np.ufunc, float]] = {np.inf: (np.maximum, 0.0), -np.inf: (np.minimum, np.inf)}
    join, begin = first.get(n, (np.add, 0.0))
    return join, np.full(count, begin)
