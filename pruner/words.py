"""Names and counts in messages."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMED = 3


def listed(names: Sequence[str]) -> str:
    """The first names in quotes, and how many more there are."""
    shown = ", ".join(f"“{name}”" for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else shown


def counted(count: int, one: str, several: str = "") -> str:
    """A count with its noun, such as `1 tensor` or `3,000 tensors`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
