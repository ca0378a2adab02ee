"""Areas of a plane, and boxes of a tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the plane: rows from `top` up to `bottom`, columns from `left` up to `right`, in elements."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def rows(self) -> int:
        """Its height."""
        return self.bottom - self.top

    @property
    def columns(self) -> int:
        """Its width."""
        return self.right - self.left

    def holds(self, other: Area) -> bool:
        """Whether the other area lies inside this one."""
        inside = self.top <= other.top and self.left <= other.left
        return inside and other.bottom <= self.bottom and other.right <= self.right

    def within(self, other: Area) -> Area:
        """What both areas have in common; without rows or columns where that is nothing."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        return Area(top, left, max(top, min(self.bottom, other.bottom)), max(left, min(self.right, other.right)))

    def snapped(self, block: int) -> Area:
        """The smallest area of whole blocks that holds this one."""
        up = [-(-edge // block) * block for edge in (self.bottom, self.right)]
        return Area(self.top // block * block, self.left // block * block, *up)

    def turned(self) -> Area:
        """The area with rows for columns."""
        return Area(self.left, self.top, self.right, self.bottom)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a tensor: of each dimension so many places (`sizes`), from one on (`starts`)."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Elements in it."""
        return math.prod(self.sizes)
