"""Pictures of tensors of any size that are true at every scale."""

from pruner.pyramid.builder import build, finish, kept_alone
from pruner.pyramid.cache import PyramidCache
from pruner.pyramid.find import find_next
from pruner.pyramid.layout import Area, Layout
from pruner.pyramid.levels import BASE, Level
from pruner.pyramid.plane import Plane
from pruner.pyramid.pyramid import Pyramid
from pruner.pyramid.tiles import Tile, tile

__all__ = [
    "BASE",
    "Area",
    "Layout",
    "Level",
    "Plane",
    "Pyramid",
    "PyramidCache",
    "Tile",
    "build",
    "find_next",
    "finish",
    "kept_alone",
    "tile",
]
