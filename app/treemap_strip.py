"""The tensors as a strip in the order of the file, and the legend of their colours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from app.theme import current
from app.treemap_colours import Colours, Form, Shares, Tensors, image_of, scale_colours, strip_colours, table
from app.treemap_plane import LAYERS, Ints, pattern

_HEIGHT = 18
_LEAST = 3.0
_LINED = 8
"""A tensor that is so wide gives its last pixel to a line."""


class StripView(QWidget):
    """One tensor after the other, as wide as its elements; hover tells, click selects."""

    chosen = Signal(str)
    pointed = Signal(str)
    """The tensor under the cursor; empty where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._tensors: Tensors | None = None
        self._rows: Ints = np.zeros(0, np.int32)
        self._ends: Shares = np.zeros(1)
        self._colours: Colours | None = None
        self._drawn: QPixmap | None = None
        self._selected: tuple[str, ...] = ()
        self._hovered: int | None = None
        self.setObjectName("strip")
        self.setAccessibleName("Tensors in the order of the file")
        self.setFixedHeight(_HEIGHT)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(480, _HEIGHT)

    def show_tensors(self, tensors: Tensors, rows: Ints, colours: Colours) -> None:
        """Show the tensors at these places in the order of the file."""
        if tensors is not self._tensors:
            self._names = tuple(tensors.places)
        if tensors is not self._tensors or rows is not self._rows:
            self._tensors, self._rows, self._hovered = tensors, rows, None
            self._ends = np.concatenate([[0.0], np.cumsum(tensors.numels[rows])])
        self._colours = colours
        self._drawn = None
        self.update()

    def set_selected(self, names: tuple[str, ...]) -> None:
        """Mark where the selected tensors are."""
        self._selected = names
        self.update()

    def point_at(self, name: str | None) -> None:
        """Mark a tensor, as if it were under the cursor."""
        place = self._place_of(name) if name else None
        if place != self._hovered:
            self._hovered = place
            self.update()

    def _place_of(self, name: str) -> int | None:
        row = self._tensors.places.get(name) if self._tensors is not None else None
        if row is None or not len(self._rows):
            return None
        place = min(int(np.searchsorted(self._rows, row)), len(self._rows) - 1)
        return place if self._rows[place] == row else None

    def name_at(self, x: float) -> str | None:
        """The tensor at a distance from the left."""
        if not len(self._rows) or not 0 <= x < self.width():
            return None
        place = int(np.searchsorted(self._ends, x / self.width() * self._ends[-1], side="right")) - 1
        return self._names[int(self._rows[min(place, len(self._rows) - 1)])]

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._colours is None or self._tensors is None or not len(self._rows):
            return
        if self._drawn is None or self._drawn.deviceIndependentSize().toSize() != self.size():
            self._drawn = self._draw(self._colours, self._tensors)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn)
        theme = current()
        for name in self._selected[:300]:
            if (place := self._place_of(name)) is not None:
                self._outline(painter, place, theme.surface, 3.0)
                self._outline(painter, place, theme.accent, 2.0)
        if self._hovered is not None:
            self._outline(painter, self._hovered, theme.ink, 1.0)

    def _draw(self, colours: Colours, tensors: Tensors) -> QPixmap:
        scale = self.devicePixelRatioF()
        width, height = round(self.width() * scale), round(self.height() * scale)
        pixels = strip_colours(colours, tensors.numels, self._rows, width, height, scale)
        ends = self._ends / self._ends[-1] * width
        lines = ends[1:-1][(np.diff(ends) >= _LINED * scale)[:-1]]
        pixels[:, np.clip(lines.astype(np.int64), 0, width - 1)] = colours[-1]
        return QPixmap.fromImage(image_of(pixels, scale))

    def _outline(self, painter: QPainter, place: int, colour: str, wide: float) -> None:
        left, right = self._ends[place : place + 2] / self._ends[-1] * self.width()
        width = max(right - left, _LEAST)
        box = QRectF(min(left, self.width() - width), 0, width, self.height())
        painter.setPen(QPen(QColor(colour), wide))
        painter.drawRect(box.adjusted(wide / 2, wide / 2, -wide / 2, -wide / 2))

    # The mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        name = self.name_at(event.position().x())
        self.point_at(name)
        self.pointed.emit(name or "")

    def leaveEvent(self, event: QEvent) -> None:
        self.point_at(None)
        self.pointed.emit("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        name = self.name_at(event.position().x())
        if event.button() == Qt.MouseButton.LeftButton and name is not None:
            self.chosen.emit(name)


class Legend(QWidget):
    """What the colours and patterns mean."""

    _BAR, _SWATCH, _GAP = 64, 14, 6

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ends = ("", "")
        self.setObjectName("legend")
        self.setAccessibleName("Legend")
        self.show_scale(1.0, "")

    def show_scale(self, top: float, unit: str) -> None:
        """Say that the last colour is a share of `top`, in [0, 1], of what `unit` says."""
        ends = ("0 %", f"{100 * top:g} % {unit}".rstrip())
        if ends != self._ends:
            self._ends = ends
            self.setAccessibleDescription(
                f"Dark is {ends[0]}, sand is {ends[1]}. Buffers are striped, what cannot be pruned is grey with "
                "stripes, what is not known is grey with dots."
            )
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        words = (*self._ends, *(word for word, *_ in _swatches()))
        wide = sum(metrics.horizontalAdvance(word) + 2 * self._GAP for word in words)
        return QSize(wide + self._BAR + 3 * (self._SWATCH + self._GAP), max(metrics.height(), 16))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = current()
        painter.setPen(QColor(theme.muted))
        x = self._word(painter, 0, self._ends[0])
        shades = np.repeat(scale_colours(theme, np.linspace(0, 1, self._BAR))[None, :], 10, axis=0)
        painter.drawImage(x, (self.height() - 10) // 2, image_of(shades, 1))
        x = self._word(painter, x + self._BAR + self._GAP, self._ends[1]) + self._GAP
        for word, form, share in _swatches():
            if x + self._SWATCH + self._GAP + self.fontMetrics().horizontalAdvance(word) > self.width():
                break  # half a word is none
            colours = table(theme, np.array([share]), np.array([form], np.int32)).reshape(-1, LAYERS)[0]
            image = image_of(colours[pattern(10, self._SWATCH, 1)], 1)
            painter.drawImage(x, (self.height() - 10) // 2, image)
            x = self._word(painter, x + self._SWATCH + self._GAP, word) + self._GAP

    def _word(self, painter: QPainter, x: int, word: str) -> int:
        wide = self.fontMetrics().horizontalAdvance(word)
        painter.drawText(QRectF(x, 0, wide + 1, self.height()), int(Qt.AlignmentFlag.AlignVCenter), word)
        return x + wide + self._GAP


def _swatches() -> tuple[tuple[str, Form, float], ...]:
    return (
        ("buffer", Form.BUFFER, 0.0),
        ("cannot be pruned", Form.FIXED, 0.0),
        ("not known yet", Form.PRUNABLE, float("nan")),
    )
