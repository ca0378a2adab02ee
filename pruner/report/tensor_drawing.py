"""The pictures of one pruned tensor: its histogram, and the map of its mask."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pruner.report.colours import CUT, KEPT, LINE, PRUNED, hexed
from pruner.report.drawing import CHARACTER, box, picture, words
from pruner.report.facts import TensorFacts
from pruner.report.markup import Markup, element
from pruner.report.pictures import TensorPicture
from pruner.report.png import data_link, png_of
from pruner.report.words import count, figure, percent

_WIDTH, _HIGH, _TOP, _FOOT = 340.0, 96.0, 14.0, 14.0
_MAP = 160


def histogram_picture(name: str, one: TensorFacts, drawn: TensorPicture) -> Markup:
    """Bars of magnitudes, from 0 to the largest: what is pruned at the foot in sand, what is kept above it in ink."""
    found = drawn.histogram
    about = (
        f"{percent(one.pruned / one.numel)} pruned: {count(one.pruned)} of {count(one.numel)} elements. "
        f"Magnitudes reach to {figure(found.limit)}."
    )
    if drawn.cut is not None:
        about += f" The last round pruned up to {figure(drawn.cut)}."
    about += f" Exact zeros, which have no bar: {count(found.zeros)} kept, {count(found.zeros_pruned)} pruned."
    parts = [*_bars(drawn), *_cut(drawn), *_axis(drawn)]
    height = _TOP + _HIGH + _FOOT
    return picture(name, _WIDTH, height, f"Histogram of the magnitudes of {one.name}", about, *parts)


def _bars(drawn: TensorPicture) -> Iterator[Markup]:
    kept, pruned = drawn.histogram.kept, drawn.histogram.pruned
    most = int((kept + pruned).max(initial=0)) or 1
    wide = _WIDTH / len(kept)
    floor = _TOP + _HIGH
    for place, (stays, gone) in enumerate(zip(kept.tolist(), pruned.tolist(), strict=True)):
        low, high = gone / most * _HIGH, stays / most * _HIGH
        if gone:
            yield box(place * wide, floor - low, wide - 0.6, low, hexed(PRUNED))
        if stays:
            yield box(place * wide, floor - low - high, wide - 0.6, high, hexed(KEPT))
    yield words(_WIDTH, 9, f"most in a bar: {count(most)}", text_anchor="end")


def _cut(drawn: TensorPicture) -> Iterator[Markup]:
    limit, cut = drawn.histogram.limit, drawn.cut
    if cut is None or limit <= 0:
        return
    x = min(cut / limit, 1.0) * _WIDTH
    yield element("line", x1=x, y1=2, x2=x, y2=_TOP + _HIGH, stroke=CUT, stroke_width=1.2, stroke_dasharray="3 2")
    label = f"threshold {figure(cut)}"
    if x + 4 + len(label) * CHARACTER < _WIDTH - 110:  # beside what the most in a bar is
        yield words(x + 4, 9, label, CUT)


def _axis(drawn: TensorPicture) -> Iterator[Markup]:
    floor = _TOP + _HIGH
    yield element("line", x1=0, y1=floor, x2=_WIDTH, y2=floor, stroke=LINE, stroke_width=0.8)
    yield words(0, floor + 11, "0")
    yield words(_WIDTH / 2, floor + 11, "magnitude", text_anchor="middle")
    yield words(_WIDTH, floor + 11, figure(drawn.histogram.limit), text_anchor="end")


def map_picture(one: TensorFacts, drawn: TensorPicture) -> Markup:
    """The mask as an image: a pixel is a block of elements, its colour the share that is kept."""
    rows, columns = drawn.density.shape
    scale = max(1, _MAP // max(rows, columns))
    shares = drawn.density[~np.isnan(drawn.density)]
    said = f"Mask of {one.name} as {drawn.layout.rows} rows of {drawn.layout.columns} elements: {map_words(drawn)}"
    if shares.size:
        said += f", from {percent(float(shares.min()))} to {percent(float(shares.max()))} kept"
    return element(
        "img",
        src=data_link(png_of(drawn.density)),
        alt=f"{said}.",
        title=f"{said}.",
        width=columns * scale,
        height=rows * scale,
    )


def map_words(drawn: TensorPicture) -> str:
    """What a pixel of the map is."""
    block = drawn.block
    return "a pixel is an element" if block == 1 else f"a pixel is {block} × {block} elements"
