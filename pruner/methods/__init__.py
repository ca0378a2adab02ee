"""Pruning methods, one file each: a file here with a `METHOD` is known by its name everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from pruner.amount import Amount
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.registry import discover

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


@dataclass(frozen=True, slots=True)
class Sample:
    """Some elements from everywhere in a tensor: their flat indices (int64) and their values, one-dimensional."""

    places: npt.NDArray[np.int64]
    values: torch.Tensor


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements a method works on, by flat index.

    `chunks()` gives the values from the first on, each time anew: one-dimensional tensors of a multiple of 8 elements
    but for the last, on the device to work on. `mask` says which of them earlier rounds left. `sample(count)` gives
    about so many of them without a pass over all, None where the tensor does not allow it.
    """

    shape: tuple[int, ...]
    mask: Mask
    chunks: Callable[[], Iterator[torch.Tensor]]
    sample: Callable[[int], Sample | None] = lambda count: None


@dataclass(frozen=True, slots=True)
class Selected:
    """What a method chose: the mask after the round, and how it fell out.

    `threshold` is the largest magnitude that was pruned in this round (None where nothing was), `ties` the number of
    elements that stayed although their magnitude equals it. `zeros` counts the zeros among all values and among those
    with the mask on, where the method came to know them.
    """

    mask: Mask
    threshold: float | None = None
    ties: int = 0
    zeros: tuple[int, int] | None = None


class Method(Protocol):
    """How elements are chosen."""

    name: str
    title: str
    passes: int
    """How often the values are read at most, for the progress."""

    def select(self, elements: Elements, amount: Amount) -> Selected:
        """The elements to keep after the round; `amount` counts among what the mask left.

        Raises `AmountValueError` where the count is more than is left.
        """
        ...


@cache
def methods() -> dict[str, Method]:
    """All methods by name."""
    return discover(__name__, "METHOD")


def method_named(name: str) -> Method:
    """The method of that name; raises `PrunerError` with the names there are."""
    try:
        return methods()[name]
    except KeyError:
        raise PrunerError(f"There is no method “{name}”; there are {', '.join(methods())}.") from None
