"""Few patterns for many names: what a recipe is written with."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

_Value = TypeVar("_Value")
_LONGEST_ENDING = 3
_MAGIC = frozenset("*?[")
_FEW = 4
"""So many names may be excluded from a pattern for it to stand for the others."""


def patterns_of(values: Mapping[str, _Value], universe: Collection[str]) -> tuple[dict[str, _Value], tuple[str, ...]]:
    """Values by pattern, and names to exclude, that give each name of `universe` its value, and no other name any.

    `universe` is what wildcards take; names that are not in it are written in full. A pattern never takes names of
    different values, so the order has no meaning. Where all values are equal, one pattern and a few exclusions may
    stand for more patterns.
    """
    groups: dict[_Value, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    sizes = Counter(pattern for name in universe for pattern in _fitting(name))
    found = {pattern: value for value, names in groups.items() for pattern in _cover(names, set(universe), sizes)}
    if len(groups) == 1 and len(found) > 2 and values.keys() <= set(universe):
        pattern, others = _by_exclusion(values, universe)
        if len(others) <= min(_FEW, len(found) - 2):
            return {pattern: next(iter(values.values()))}, others
    return found, ()


def _cover(names: Iterable[str], universe: Collection[str], sizes: Mapping[str, int]) -> Iterator[str]:
    """Patterns that take these names and nothing else: those that take most first, of equal ones the short, `*` last.

    What is written for this file is to mean as little as it can in another.
    """
    takes: dict[str, list[str]] = {}
    for name in names:
        if name in universe:
            for pattern in _fitting(name):
                takes.setdefault(pattern, []).append(name)
    queue = [
        (-len(own), one == "*", len(one), one) for one, own in takes.items() if len(own) == sizes[one] and len(own) > 1
    ]
    heapq.heapify(queue)
    left = dict.fromkeys(names)
    while queue:
        most, everything, length, pattern = heapq.heappop(queue)
        own = [name for name in takes[pattern] if name in left]
        if len(own) == -most:
            yield pattern
            for name in own:
                del left[name]
        elif len(own) > 1:
            heapq.heappush(queue, (-len(own), everything, length, pattern))
    yield from left


def _by_exclusion(values: Collection[str], universe: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """The pattern that takes all these names and fewest others, and those others."""
    common = set.intersection(*(set(_fitting(name)) for name in values))
    others: dict[str, list[str]] = {pattern: [] for pattern in common}
    for name in universe:
        if name not in values:
            for pattern in common.intersection(_fitting(name)):
                others[pattern].append(name)
    best = min(common, key=lambda pattern: (len(others[pattern]), pattern == "*", len(pattern), pattern))
    return best, tuple(others[best])


def _fitting(name: str) -> Iterator[str]:
    """The patterns that a name may be meant by: everything, a beginning, an ending, both, or a part in between."""
    yield "*"
    if _MAGIC & set(name):
        return
    parts = name.split(".")
    yield from (f"*.{part}.*" for part in dict.fromkeys(parts[1:-1]) if not part.isdigit())
    for first in range(len(parts)):
        beginning = "".join(f"{part}." for part in parts[:first])
        if first:
            yield f"{beginning}*"
        for last in range(max(first + 1, len(parts) - _LONGEST_ENDING), len(parts)):
            yield f"{beginning}*.{'.'.join(parts[last:])}"
