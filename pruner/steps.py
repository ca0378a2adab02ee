"""Long computations as generators: they yield what is known so far, or None to give way, and return what they made."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")


def giving_way(steps: Generator[Any, None, Made]) -> Generator[None, None, Made]:
    """What steps make, without what they yield on the way."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Made = end.value
            return made
        yield None


def finish(steps: Generator[Part, None, Made], told: Callable[[Part], object] = lambda _: None) -> Made:
    """What steps make, waited for; `told` is told what they yield on the way, and may raise."""
    while True:
        try:
            part = next(steps)
        except StopIteration as end:
            made: Made = end.value
            return made
        told(part)
