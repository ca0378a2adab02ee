"""The tensor as pictures side by side: values before, mask, values after, with one pan and zoom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from app import numbers
from app.theme import Theme, current
from pruner.picture import Picture

_MARGIN = 0.02
_SATURATED = 0.998


@dataclass(frozen=True, slots=True)
class _Part:
    """One picture of the three: what it is called, and what a single element's pixel means."""

    title: str
    meaning: str


_PARTS = (_Part("Before", "value"), _Part("Mask", "1 kept, 0 pruned"), _Part("After", "value"))


class _Title(pg.LabelItem):
    """A title that takes the width of its column, and does not widen it."""

    def updateMin(self) -> None:
        super().updateMin()
        self.setMinimumWidth(0)
        self.setPreferredWidth(1)


class MapView(pg.GraphicsLayoutWidget):
    """Three linked pictures; says what is under the cursor."""

    pointed = Signal(str)
    """What the element (or the pixel) under the cursor is; empty where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map")
        self.setAccessibleName("Map of the tensor")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._picture: Picture | None = None
        self._fitting = True
        self._titles: list[_Title] = []
        self._boxes: list[pg.ViewBox] = []
        self._images: list[pg.ImageItem] = []
        self._bars: list[pg.ColorBarItem] = []
        self.ci.layout.setContentsMargins(0, 0, 0, 8)
        self.ci.layout.setSpacing(4)
        for place in range(len(_PARTS)):
            self._add(place)
        self.scene().sigMouseMoved.connect(self._moved)
        self._dress()

    def _add(self, place: int) -> None:
        title = _Title(justify="left")
        # Boxes of one size that follow the first need no lock of their own; two locks would pull at each other.
        box = pg.ViewBox(lockAspect=not self._boxes, invertY=True, enableMenu=False)
        image = pg.ImageItem(axisOrder="row-major")
        box.addItem(image)
        if self._boxes:
            box.linkView(pg.ViewBox.XAxis, self._boxes[0])
            box.linkView(pg.ViewBox.YAxis, self._boxes[0])
        bar = pg.ColorBarItem(width=8, interactive=False, colorMap=_mask_map(current()))
        self.addItem(title, 0, 2 * place, 1, 2)
        self.addItem(box, 1, 2 * place)
        if place:  # the values after have the scale of those before
            self.addItem(bar, 1, 2 * place + 1)
        self.ci.layout.setColumnStretchFactor(2 * place, 1)
        self.ci.layout.setColumnPreferredWidth(2 * place, 100)
        box.sigRangeChangedManually.connect(self._moved_by_hand)
        self._titles.append(title)
        self._boxes.append(box)
        self._images.append(image)
        self._bars.append(bar)

    def show_picture(self, picture: Picture, keep_view: bool) -> None:
        """Show the pictures of a tensor; `keep_view` leaves pan and zoom as they are."""
        self._picture = picture
        limit = _scale(picture)
        levels = ((-limit, limit), (0.0, 1.0), (-limit, limit))
        high, wide = picture.block
        area = QRectF(0, 0, picture.before.shape[1] * wide, picture.before.shape[0] * high)
        for place, image in enumerate((picture.before, picture.density, picture.after)):
            self._images[place].setImage(image, autoLevels=False, levels=levels[place])
            self._images[place].setRect(area)
            self._bars[place].setLevels(levels[place])
        self._write_titles()
        if not keep_view:
            self.fit()

    def clear_picture(self) -> None:
        """Show nothing."""
        self._picture = None
        for image in self._images:
            image.clear()

    def fit(self) -> None:
        """Show all of the tensor, also when the window's size changes."""
        self._fitting = True
        if self._picture is not None:
            layout = self._picture.layout
            self._boxes[0].setRange(QRectF(0, 0, layout.columns, layout.rows), padding=_MARGIN)

    def one_to_one(self) -> None:
        """Show one element on one pixel of the screen, around the middle of what is shown."""
        self._fitting = False
        box = self._boxes[0]
        middle = box.viewRect().center()
        size = box.rect().size()
        corner = QPointF(middle.x() - size.width() / 2, middle.y() - size.height() / 2)
        box.setRange(QRectF(corner, size), padding=0)

    def set_dimmed(self, dimmed: bool) -> None:
        """Show the pictures as those of before, while others are made."""
        for image in self._images:
            image.setOpacity(0.35 if dimmed else 1.0)

    def describe(self, column: float, row: float) -> str:
        """What lies at a place of the plane, in the tensor's own terms."""
        picture = self._picture
        if picture is None or row < 0 or column < 0:
            return ""
        high, wide = picture.block
        y, x = int(row) // high, int(column) // wide
        if y >= picture.before.shape[0] or x >= picture.before.shape[1] or np.isnan(picture.density[y, x]):
            return ""
        before, density, after = picture.before[y, x], picture.density[y, x], picture.after[y, x]
        if picture.block == (1, 1):
            index = picture.layout.index(y, x)
            if index is None:
                return ""
            value = numbers.figure(float(before))
            return f"{picture.layout.describe(index)} · {value}{'' if density else ' → pruned'}"
        return (
            f"rows {y * high}–{min((y + 1) * high, picture.layout.rows) - 1}, "
            f"columns {x * wide}–{min((x + 1) * wide, picture.layout.columns) - 1} · "
            f"{numbers.percent(float(density))} kept · largest {numbers.figure(float(before))}"
            f"{'' if before == after else f' → {numbers.figure(float(after))}'}"
        )

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_bars"):
            self._dress()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep showing all of the tensor, unless the user looks at a part."""
        super().resizeEvent(event)
        if getattr(self, "_fitting", False):
            QTimer.singleShot(0, self, self.fit)

    def _moved_by_hand(self, *_: object) -> None:
        self._fitting = False

    def _moved(self, place: QPointF) -> None:
        for box in self._boxes:
            if box.sceneBoundingRect().contains(place):
                point = box.mapSceneToView(place)
                self.pointed.emit(self.describe(point.x(), point.y()))
                return
        self.pointed.emit("")

    def _dress(self) -> None:
        theme = current()
        self.setBackground(theme.surface)
        values, mask = _value_map(theme), _mask_map(theme)
        for image, bar, colours in zip(self._images, self._bars, (values, mask, values), strict=True):
            image.setColorMap(colours)
            bar.setColorMap(colours)
            bar.axis.setPen(theme.line)
            bar.axis.setTextPen(theme.muted)
            bar.axis.setWidth(34)
        self._write_titles()

    def _write_titles(self) -> None:
        theme = current()
        for title, part in zip(self._titles, _PARTS, strict=True):
            meaning = self._meaning(part)
            text = f"<b>{part.title}</b>&nbsp; <span style='color:{theme.muted}'>{meaning}</span>"
            title.setText(text, color=theme.ink)

    def _meaning(self, part: _Part) -> str:
        if self._picture is None or self._picture.block == (1, 1):
            return part.meaning
        high, wide = self._picture.block
        what = "kept, share" if part.title == "Mask" else "largest"
        return f"{what} of {high} × {wide}"


def _scale(picture: Picture) -> float:
    """The magnitude at the ends of the colours: a few outliers must not make all else pale."""
    return float(np.nanquantile(np.abs(picture.before), _SATURATED)) or picture.limit or 1.0


def _value_map(theme: Theme) -> pg.ColorMap:
    return pg.ColorMap([0.0, 0.5, 1.0], [theme.negative, theme.middle, theme.positive])


def _mask_map(theme: Theme) -> pg.ColorMap:
    return pg.ColorMap([0.0, 1.0], [theme.pruned, theme.kept])
