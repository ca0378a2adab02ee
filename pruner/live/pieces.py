"""Tensors in pieces that stay in the cache, shared out between threads, and new memory for results."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain, pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")

_HUGE_PAGE = 1 << 21
_MADV_HUGEPAGE = 14


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


def in_parallel(work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]) -> list[Result]:
    """`work` on runs of the items, one run a thread, as many as torch uses; results in the items' order.

    The threads share nothing but what `work` closes over. Operations on pieces are too short for torch's own threads:
    each would wait for all of them, which takes long where the cores have something else to do.
    """
    threads = min(torch.get_num_threads(), len(items))
    if threads < 2:
        return work(items)
    bounds = [len(items) * place // threads for place in range(threads + 1)]
    runs = [items[start:stop] for start, stop in pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:
        return list(chain.from_iterable(pool.map(work, runs)))


def fresh(like: Tensor, dtype: torch.dtype) -> Tensor:
    """An uninitialized tensor of the shape, the strides and the device of another.

    For large ones Linux is asked for huge pages: new memory is handed out page by page, at its first touch, and for
    pages of 4 KB that takes several times as long as writing the numbers does.
    """
    found = torch.empty_like(like, dtype=dtype, requires_grad=False)
    if found.device.type == "cpu" and found.layout == torch.strided and found.nbytes >= _HUGE_PAGE:
        advise = _madvise()
        if advise is not None:
            start = -(-found.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
            stop = (found.data_ptr() + found.nbytes) // _HUGE_PAGE * _HUGE_PAGE
            if stop > start:
                advise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), _MADV_HUGEPAGE)  # refused: no harm done
    return found


@cache
def _madvise() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return None
