"""Pictures of tensors of any size that are true at every scale."""

from pruner.pyramid.area import Area
from pruner.pyramid.bands import Bands, unbanded
from pruner.pyramid.builder import build, kept_alone
from pruner.pyramid.cache import PyramidCache
from pruner.pyramid.find import find_next
from pruner.pyramid.grid import Grid
from pruner.pyramid.layout import Layout, dimension_names, is_line
from pruner.pyramid.levels import BASE, Aggregate, Level
from pruner.pyramid.line import Line
from pruner.pyramid.plane import Plane
from pruner.pyramid.pyramid import Pyramid
from pruner.pyramid.tiles import Tile, tile

__all__ = [
    "BASE",
    "Aggregate",
    "Area",
    "Bands",
    "Grid",
    "Layout",
    "Level",
    "Line",
    "Plane",
    "Pyramid",
    "PyramidCache",
    "Tile",
    "build",
    "dimension_names",
    "find_next",
    "is_line",
    "kept_alone",
    "tile",
    "unbanded",
]
