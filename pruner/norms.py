"""Norms of channels, from one pass over the values."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pruner.channels import Channels, Floats
from pruner.elements import Elements, Values
from pruner.parallel import in_order

_PIECE = 1 << 17
_QUIET = np.errstate(divide="ignore", over="ignore", invalid="ignore")


@_QUIET
def channel_norms(elements: Elements, channels: Channels, n: float) -> Floats:
    """The `n`-norm of each channel as `torch.norm` defines it, in float64; what earlier rounds pruned counts as 0.

    `n` is any number, infinity (the largest magnitude), minus infinity (the smallest) or 0 (how many are not 0).
    """
    join, total = _joining(n, channels.count)

    @_QUIET
    def part(piece: tuple[int, Values]) -> tuple[Any, Floats]:
        start, values = piece
        powers = _powers(_magnitudes(values, elements, start), n)
        begins, rows = channels.runs(start, start + len(powers))
        return rows, powers if channels.inner == 1 else join.reduceat(powers, begins)

    sized = replace(elements, piece=_piece(channels))
    for rows, found in in_order(part, sized.pieces(), elements.threads):
        join.at(total, rows, found)
    if n in (0, np.inf, -np.inf):
        return total
    norms: Floats = total ** (1 / n)
    return norms


def _piece(channels: Channels) -> int:
    """Elements of a piece: as many everywhere, and whole runs where they fit, so that equal channels sum up alike."""
    whole = math.lcm(max(channels.inner, 1), 8)
    return _PIECE // whole * whole or _PIECE


def _magnitudes(values: Values, elements: Elements, start: int) -> Floats:
    import torch

    given = values().cpu()  # not every device has float64
    found: Floats = given.to(torch.complex128 if given.is_complex() else torch.float64).abs().numpy()
    if elements.mask.pruned:
        found[~elements.mask.chunk(start, start + len(found))] = 0
    return found


def _powers(magnitudes: Floats, n: float) -> Floats:
    if n == 0:
        flags: Floats = (magnitudes != 0).astype(np.float64)
        return flags
    if n in (1, np.inf, -np.inf):
        return magnitudes
    powers: Floats = np.square(magnitudes) if n == 2 else magnitudes**n
    return powers


def _joining(n: float, count: int) -> tuple[np.ufunc, Floats]:
    """What joins the powers of one channel, and what it begins with."""
    first: dict[float, tuple[np.ufunc, float]] = {np.inf: (np.maximum, 0.0), -np.inf: (np.minimum, np.inf)}
    join, begin = first.get(n, (np.add, 0.0))
    return join, np.full(count, begin)
