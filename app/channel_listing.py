"""Channels with their figures as they are listed: sorted, and all or only the dead ones; computed behind the window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app import numbers
from app.channel_ways import Order, Way
from pruner import Checkpoint, Mask
from pruner.channel_figures import ChannelFigures, channel_figures
from pruner.elements import elements_of

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be listed of a tensor; `heads` is how many there are, where the way goes over heads."""

    checkpoint: Checkpoint
    name: str
    mask: Mask | None
    way: Way
    heads: int
    order: Order
    only_dead: bool

    def same_figures(self, other: Wanted) -> bool:
        """Whether the figures of the channels are those of another wish."""
        same = self.checkpoint is other.checkpoint and self.name == other.name and self.mask is other.mask
        return same and self.way.dim == other.way.dim


@dataclass(frozen=True, eq=False)
class Listing:
    """Channels, or heads: `figures` has them in the tensor's order, `channels` those of the single channels.

    `places` (int64) says which are listed, in which order; `dead` how many are dead of all. `l2` are the L2 norms
    before and after of what is listed, in its order.
    """

    wanted: Wanted
    channels: ChannelFigures
    figures: ChannelFigures
    places: Places
    dead: int
    l2: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

    def label(self, row: int) -> str:
        """What the channel in a row is called in the list."""
        return self.wanted.way.label(int(self.places[row]), self.wanted.heads)

    def row_of(self, place: int) -> int | None:
        """The row of a channel; None where it is not listed."""
        rows = np.flatnonzero(self.places == place)
        return int(rows[0]) if len(rows) else None

    def first_element(self, row: int) -> int:
        """The flat index of the first element of the channel in a row."""
        shape, dim = self.wanted.checkpoint[self.wanted.name].shape, self.wanted.way.dim
        size = self.channels.count // self.figures.count
        return int(self.places[row]) * size * math.prod(shape[dim + 1 :])

    def describe(self, row: int) -> str:
        """The channel in a row, in a line."""
        zeros, elements = int(self.figures.zeros[self.places[row]]), self.figures.elements
        dead = ", dead" if zeros == elements else ""
        norm = change(float(self.l2[0][row]), float(self.l2[1][row]))
        return f"{self.called(row)} · {numbers.percent(zeros / elements)} zeros{dead} · L2 norm {norm}"

    def called(self, row: int) -> str:
        """What the channel in a row is, with its number."""
        name = f"{self.wanted.way.one} {self.label(row)}" if self.label(row).isdecimal() else self.label(row)
        return name[0].upper() + name[1:]


def change(before: float, after: float) -> str:
    """A number before and after, or once where it stays."""
    one, other = numbers.figure(before), numbers.figure(after)
    return one if one == other else f"{one} → {other}"


def listing(wanted: Wanted, known: Listing | None) -> Iterator[Listing | None]:
    """The list that is wanted, from figures that are known already where they are the same; None gives way."""
    if known is not None and wanted.same_figures(known.wanted):
        channels = known.channels
    else:
        elements = elements_of(wanted.checkpoint, wanted.name, wanted.mask)
        channels = yield from channel_figures(elements, wanted.way.dim)
    groups = wanted.way.groups(wanted.heads)
    figures = channels.grouped(channels.count // groups) if groups else channels
    dead = figures.dead
    places = _sorted(figures, wanted.order)
    if wanted.only_dead:
        places = places[dead[places]]
    yield Listing(
        wanted,
        channels,
        figures,
        places,
        int(np.count_nonzero(dead)),
        (figures.l2_before[places], figures.l2_after[places]),
    )


def _sorted(figures: ChannelFigures, order: Order) -> Places:
    """All places in an order; NaN ranks above every number, as in torch's sort."""
    if order.key == "index":
        places = np.arange(figures.count)
        return places[::-1] if order.descending else places
    by = {"sparsity": figures.zeros, "l1": figures.l1_after, "l2": figures.squares_after}[order.key]
    if not order.descending:
        return np.argsort(by, kind="stable")
    return figures.count - 1 - np.argsort(by[::-1], kind="stable")[::-1]
