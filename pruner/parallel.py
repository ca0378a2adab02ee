"""Work on many pieces by several threads, with the results in the pieces' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 3
"""Pieces at work or waiting for each thread: what is held at a time."""
_MOST_THREADS = 8
"""More only wait for one another: Python has one lock."""


def threads_here() -> int:
    """As many threads as torch computes with on this one."""
    import torch

    return min(torch.get_num_threads(), _MOST_THREADS)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Generator[Result, None, None]:
    """`work` on each item, in its order; `items` is drawn on by the thread that asks, a few of them ahead.

    A single thread, and a single item, get no pool. What `work` or `items` raise ends it, when what runs has ended.
    """
    drawn = iter(items)
    first = list(islice(drawn, 2)) if threads > 1 else []
    if len(first) < 2:
        yield from map(work, first)
        yield from map(work, drawn)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[Result]] = deque(pool.submit(work, item) for item in first)
        try:
            for item in drawn:
                running.append(pool.submit(work, item))
                if len(running) >= threads * _AHEAD:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for one in running:
                one.cancel()
