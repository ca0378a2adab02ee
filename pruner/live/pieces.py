"""Tensors in pieces that stay in the cache, shared out between threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")


def pieces(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of tensors of one shape, piece by piece in the order of the flat index, whatever their strides.

    A piece has at most `size` elements; tensors that are all contiguous are given one-dimensional.
    """
    if all(one.is_contiguous() for one in tensors):
        yield from zip(*(torch.split(one.view(-1), size) for one in tensors), strict=True)
        return
    shape = tensors[0].shape
    each = math.prod(shape[1:])
    if each > size:
        for rows in zip(*(one.unbind(0) for one in tensors), strict=True):
            yield from pieces(size, *rows)
    else:
        yield from zip(*(torch.split(one, max(size // max(each, 1), 1)) for one in tensors), strict=True)


def in_parallel(work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], least: int) -> list[Result]:
    """`work` on runs of at least `least` items, a run a thread, as many as torch uses; results in the items' order.

    The threads share nothing but what `work` closes over. Operations on pieces are too short for torch's own threads:
    each would wait for all of them, which takes long where the cores have something else to do.
    """
    threads = min(torch.get_num_threads(), len(items) // least)
    if threads < 2:
        return work(items)
    bounds = [len(items) * place // threads for place in range(threads + 1)]
    runs = [items[start:stop] for start, stop in pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:
        return list(chain.from_iterable(pool.map(work, runs)))
