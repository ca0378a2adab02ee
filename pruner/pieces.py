"""Tensors in pieces, by the flat index, whatever their strides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pieces(size: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of tensors of one shape, piece by piece in the order of the flat index.

    A piece has at most `size` elements; tensors that are all contiguous are given one-dimensional.
    """
    import torch

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


def in_chunks(runs: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """One-dimensional tensors of any length as tensors of `size` elements, the last one of what is left."""
    waiting: list[Tensor] = []
    filled = 0
    for run in runs:
        rest = run
        while rest.numel():
            part = rest[: size - filled]
            rest = rest[part.numel() :]
            waiting.append(part)
            filled += part.numel()
            if filled == size:
                yield _joined(waiting)
                waiting, filled = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Tensor]) -> Tensor:
    import torch

    if len(parts) == 1:
        return parts[0]
    return torch.cat([part.view(torch.uint8) for part in parts]).view(parts[0].dtype)
