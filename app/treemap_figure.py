"""The whole model as a picture for elsewhere: every rectangle a shape, with the strip and the legend below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen

from app.figure import SPACE, Make, Paint, Sheet
from app.treemap_colours import Colours, Form, Shares, Tensors, mean_colours, table
from app.treemap_labels import draw_labels, header_height
from app.treemap_measures import Measure, top_of
from app.treemap_plane import LAYERS, LINED, PARTED, TILE, Plane, make_plane
from pruner.module_tree import ModuleNode

_STRIP, _BAR = 14.0, 64.0
_WORDS = ((Form.BUFFER, "buffer"), (Form.FIXED, "cannot be pruned"))


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """What is drawn: a module, and the tensors of the file with their shares."""

    tree: ModuleNode
    tensors: Tensors
    shares: Shares
    measure: Measure

    @property
    def top(self) -> float:
        """The share that the last colour stands for."""
        return top_of(self.measure, self.shares)


def treemap_body(tree: ModuleNode, tensors: Tensors, shares: Shares, measure: Measure) -> Make:
    """Paints a module's tensors in the colours of their shares; `shares` has one for each tensor of the file."""
    model = _Model(tree, tensors, shares, measure)

    def make(sheet: Sheet) -> Iterator[Paint | None]:
        area, line = sheet.area, sheet.metrics.height()
        high = max(area.height() - 2 * (line + SPACE) - _STRIP, 40.0)
        width, height = int(area.width()), int(high)
        plane = make_plane(tree, tensors.places, width, height, sheet.ratio, header_height(sheet.font))
        yield lambda painter: _paint(painter, sheet, model, plane)

    return make


def _paint(painter: QPainter, sheet: Sheet, model: _Model, plane: Plane) -> None:
    colours = table(sheet.theme, model.shares / model.top, model.tensors.forms)
    area, line = sheet.area, sheet.metrics.height()
    painter.save()
    painter.translate(area.topLeft())
    _paint_boxes(painter, plane, colours)
    draw_labels(painter, plane, colours, model.shares, sheet.font, sheet.theme)
    painter.restore()
    painter.setFont(sheet.font)
    painter.setPen(QColor(sheet.theme.muted))
    top = area.top() + plane.height + SPACE / 2
    words = QRectF(area.left(), top, area.width(), line)
    painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), "The same tensors in the order of the file")
    strip = QRectF(area.left(), words.bottom() + 2, plane.width, _STRIP)
    _paint_strip(painter, strip, sheet.ratio, colours, model.tensors, plane)
    _paint_legend(painter, sheet, strip.bottom() + SPACE, model, plane)


def _paint_boxes(painter: QPainter, plane: Plane, colours: Colours) -> None:
    """The rectangles on whole pixels, as on the screen: those without a pixel are left out."""
    surface, header = QColor.fromRgb(int(colours[-1])), QColor.fromRgb(int(colours[-LAYERS - 1]))
    painter.save()
    painter.scale(1 / plane.scale, 1 / plane.scale)
    edges = np.rint(np.array([(one.x, one.y, one.right, one.bottom) for one in plane.rectangles]) * plane.scale)
    line = plane.scale
    for one, (left, top, right, bottom) in zip(plane.rectangles, edges.tolist(), strict=True):
        wide, high = right - left, bottom - top
        if wide < 1 or high < 1:
            continue
        if one.is_module:
            painter.fillRect(QRectF(left, top, wide, high), header if one.header else surface)
            continue
        lined = min(wide, high) >= LINED * plane.scale
        row = int(plane.rows[plane.places[one.name]])
        if lined:
            painter.fillRect(QRectF(left, top, wide, high), surface)
        box = QRectF(left, top, wide - line * lined, high - line * lined)
        _fill(painter, box, colours[row * LAYERS : (row + 1) * LAYERS], plane.scale)
    _part_modules(painter, plane, edges, surface)
    painter.restore()


def _part_modules(painter: QPainter, plane: Plane, edges: Shares, surface: QColor) -> None:
    """Wider lines between modules, at their right and their bottom."""
    width, height = plane.width * plane.scale, plane.height * plane.scale
    line = 2 * plane.scale
    for one, (left, top, right, bottom) in zip(plane.rectangles, edges.tolist(), strict=True):
        if one.is_module and one.depth and min(right - left, bottom - top) >= PARTED * plane.scale:
            if right < width - 1:
                painter.fillRect(QRectF(right - line, top, line, bottom - top), surface)
            if bottom < height - 1:
                painter.fillRect(QRectF(left, bottom - line, right - left, line), surface)


def _fill(painter: QPainter, box: QRectF, colours: Colours, scale: float) -> None:
    """A tensor's ground with its stripes or dots, none of which leave the box."""
    ground, stripe, dot = (QColor.fromRgb(int(one)) for one in colours)
    painter.fillRect(box, ground)
    if stripe != ground:
        painter.setPen(QPen(stripe, scale, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
        painter.drawLines(stripes(box, TILE * scale))
    if dot != ground:
        step = TILE / 2 * scale
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dot)
        xs = np.arange(box.left() + step / 4, box.right() - scale, step)
        ys = np.arange(box.top() + step / 2, box.bottom() - scale, step)
        painter.drawRects([QRectF(x, y, scale, scale) for y in ys.tolist() for x in xs.tolist()])


def stripes(box: QRectF, step: float) -> list[QLineF]:
    """Lines from the lower left to the upper right through a box, within it."""
    found = []
    for along in np.arange(step, box.width() + box.height(), step).tolist():
        start = max(0.0, along - box.height())
        stop = min(along, box.width())
        found.append(QLineF(box.left() + start, box.top() + along - start, box.left() + stop, box.top() + along - stop))
    return found


def _paint_strip(
    painter: QPainter, box: QRectF, ratio: float, colours: Colours, tensors: Tensors, plane: Plane
) -> None:
    """Runs of pixels of one colour: tensors too narrow for a pixel have their mean."""
    if not len(plane.strip):
        return
    width = round(box.width() * ratio)
    pixels = mean_colours(colours.reshape(-1, LAYERS)[plane.strip, 0], tensors.numels[plane.strip], width)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(pixels.astype(np.int64))) + 1, [width]]).tolist()
    for start, stop in pairwise(starts):
        run = QRectF(box.left() + start / ratio, box.top(), (stop - start) / ratio, box.height())
        painter.fillRect(run, QColor.fromRgb(int(pixels[start])))


def _paint_legend(painter: QPainter, sheet: Sheet, top: float, model: _Model, plane: Plane) -> None:
    """The scale of what is measured, and what the patterns mean, of those that are there."""
    theme, metrics = sheet.theme, sheet.metrics
    line, side = metrics.height(), metrics.ascent() * 0.8
    x = sheet.area.left()

    def word(text: str) -> None:
        nonlocal x
        painter.setPen(QColor(theme.muted))
        wide = metrics.horizontalAdvance(text)
        painter.drawText(QRectF(x, top, wide + 1, line), int(Qt.AlignmentFlag.AlignVCenter), text)
        x += wide + SPACE

    word(f"{model.measure.value} 0 %")
    bar = QRectF(x, top + (line - side) / 2, _BAR, side)
    ramp = QLinearGradient(bar.left(), 0, bar.right(), 0)
    ramp.setColorAt(0, QColor(theme.kept))
    ramp.setColorAt(1, QColor(theme.pruned))
    painter.fillRect(bar, ramp)
    x = bar.right() + SPACE
    word(f"{100 * model.top:g} %")
    forms, shares = model.tensors.forms[plane.strip], model.shares[plane.strip]
    found = [(text, form, 0.0) for form, text in _WORDS if bool((forms == form).any())]
    if bool((np.isnan(shares) & (forms != Form.FIXED)).any()):
        found.append(("not known yet", Form.PRUNABLE, float("nan")))
    for text, form, share in found:
        if x + 2 * side + 2 * SPACE + metrics.horizontalAdvance(text) > sheet.area.right():
            return
        x += SPACE
        colours = table(theme, np.array([share]), np.array([form], np.int32))[:LAYERS]
        _fill(painter, QRectF(QRectF(x, top + (line - side) / 2, 1.5 * side, side)), colours, 1)
        x += 2 * side
        word(text)
