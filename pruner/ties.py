"""Tensors that are the same memory: tied weights, and views that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pruner.checkpoint import Storage, TensorInfo
from pruner.errors import PrunerError

_MOST_SHARERS = 1 << 12


def with_shared_storages(tensors: Iterable[TensorInfo]) -> dict[str, TensorInfo]:
    """The tensors by name, each told which others look into its storage.

    Raises `PrunerError` where so many do that a small file would take all memory.
    """
    found = {info.name: info for info in tensors}
    users: dict[Storage, list[str]] = defaultdict(list)
    for info in found.values():
        if info.layout == "strided" and info.numel:
            users[info.storage].append(info.name)
    for storage, names in users.items():
        if len(names) > _MOST_SHARERS:
            raise PrunerError(
                f"{storage.file}: {len(names)} tensors are views of one storage, more than Secateur takes apart. "
                "Load it in torch, clone the tensors and save them again."
            )
        if len(names) > 1:
            for name in names:
                found[name] = replace(found[name], shares_storage_with=tuple(one for one in names if one != name))
    return found


def identical(a: TensorInfo, b: TensorInfo) -> bool:
    """Whether two tensors are one under two names: the same elements at the same indices."""
    return (a.storage, a.storage_offset, a.dtype, a.shape, a.stride) == (
        b.storage,
        b.storage_offset,
        b.dtype,
        b.shape,
        b.stride,
    )


def overlap(a: TensorInfo, b: TensorInfo) -> bool:
    """Whether two tensors may have bytes in common: the runs of bytes that hold them meet."""
    if a.storage != b.storage or not a.numel or not b.numel:
        return False
    (first_a, length_a), (first_b, length_b) = a.span, b.span
    return first_a < first_b + length_b and first_b < first_a + length_a


def sharers(tensors: Mapping[str, TensorInfo], info: TensorInfo) -> Iterator[TensorInfo]:
    """The other tensors whose elements are, or may be, some of this one's."""
    for name in info.shares_storage_with:
        if overlap(info, tensors[name]):
            yield tensors[name]
