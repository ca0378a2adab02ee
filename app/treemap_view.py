"""The treemap on the screen: painted, pointed at, walked through with the keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from app.plain import plain_tip
from app.theme import Theme, current
from app.treemap_colours import Colours, Shares, image_of
from app.treemap_labels import draw_labels
from app.treemap_plane import Plane
from pruner.treemap import Rectangle

_LEAST, _LEAST_SELECTED = 5.0, 11.0
"""An outline is at least so large: of a tensor that has no pixel, too, one sees where it is."""
_MOST_OUTLINES = 300
_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class TreemapView(QWidget):
    """Shows a plane in the colours of a table. What is drawn is kept, and outlines go over it."""

    chosen = Signal(str)
    """A tensor was clicked, or walked to."""
    entered = Signal(int)
    """The place of the module that is to be shown alone."""
    left = Signal()
    """The module around what is shown is to be shown."""
    pointed = Signal(str)
    """What the tensor or module under the cursor is, or the one walked to; empty where there is none."""
    resized = Signal()

    def __init__(self, describe: Callable[[int], str], parent: QWidget | None = None) -> None:
        """`describe` says in lines what the rectangle at a place of the plane is."""
        super().__init__(parent)
        self._describe = describe
        self._plane: Plane | None = None
        self._colours: Colours | None = None
        self._shares: Shares = np.zeros(0)
        self._drawn: QPixmap | None = None
        self._selected: tuple[str, ...] = ()
        self._hovered: int | None = None
        self._focused: int | None = None
        self.setObjectName("treemap")
        self.setAccessibleName("Whole model")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(480, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 48)

    # What the panel shows

    @property
    def plane(self) -> Plane | None:
        """What is shown."""
        return self._plane

    @property
    def focused(self) -> Rectangle | None:
        """What the keys have come to."""
        return self._rectangle(self._focused)

    @property
    def hovered(self) -> Rectangle | None:
        """What is under the cursor."""
        return self._rectangle(self._hovered)

    def show_plane(self, plane: Plane, colours: Colours, shares: Shares) -> None:
        """Show a plane; the focus stays with its tensor or module."""
        if plane is not self._plane:
            name = one.name if (one := self.focused) is not None else None
            self._hovered = None
            self._plane = plane
            self._focused = self._place_of(name)
            if self._focused is None and self._selected:
                self._focused = plane.places.get(self._selected[0])
        self._colours, self._shares = colours, shares
        self._drawn = None
        self.update()

    def set_selected(self, names: tuple[str, ...]) -> None:
        """Outline the selected tensors; the first of them gets the focus."""
        if names == self._selected:
            return
        self._selected = names
        if names and self._plane is not None and names[0] in self._plane.places:
            self._focus_on(self._plane.places[names[0]], tell=False)
        self.update()

    def point_at(self, name: str | None) -> None:
        """Outline a tensor, as if it were under the cursor."""
        self._hover(self._place_of(name) if name else None)

    def _place_of(self, name: str | None) -> int | None:
        if self._plane is None or name is None:
            return None
        if (place := self._plane.places.get(name)) is not None:
            return place
        return next((place for place, one in enumerate(self._plane.rectangles) if one.name == name), None)

    def _rectangle(self, place: int | None) -> Rectangle | None:
        return self._plane.rectangles[place] if self._plane is not None and place is not None else None

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._plane is None or self._colours is None:
            return
        if self._drawn is None:
            self._drawn = self._draw(self._plane, self._colours)
        # While a plane of another size is made, the last one stands in for it.
        painter.drawPixmap(self.rect(), self._drawn)
        theme = current()
        for name in self._selected[:_MOST_OUTLINES]:
            if (place := self._plane.places.get(name)) is not None:
                self._outline(painter, place, theme, 2.0)
        if self._hovered is not None:
            self._outline(painter, self._hovered, theme, 1.0)
        if self._focused is not None and self.hasFocus():
            self._outline(painter, self._focused, theme, 2.0, Qt.PenStyle.DotLine)

    def _draw(self, plane: Plane, colours: Colours) -> QPixmap:
        drawn = QPixmap.fromImage(image_of(colours[plane.inks], plane.scale))
        painter = QPainter(drawn)
        draw_labels(painter, plane, colours, self._shares, self.font(), current())
        painter.end()
        return drawn

    def _outline(
        self, painter: QPainter, place: int, theme: Theme, wide: float, line: Qt.PenStyle = Qt.PenStyle.SolidLine
    ) -> None:
        """A line in a colour of its own with one in the surface's within, so that it is seen on any ground."""
        assert self._plane is not None
        selected = wide > 1 and line == Qt.PenStyle.SolidLine
        box = shown_box(self._plane.rectangles[place], self.rect(), _LEAST_SELECTED if selected else _LEAST)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.surface), wide))
        if min(box.width(), box.height()) >= 5 * wide:
            painter.drawRect(_within(box, 1.5 * wide))
        painter.setPen(QPen(QColor(theme.accent if selected else theme.ink), wide, line))
        painter.drawRect(_within(box, wide / 2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    # The mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._at(event.position().x(), event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._focus_on(self._at(event.position().x(), event.position().y()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._enter(self._at(event.position().x(), event.position().y()))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event.pos(), event.globalPos())
            return True
        return super().event(event)

    def _show_tip(self, pos: QPoint, where: QPoint) -> None:
        place = self._at(pos.x(), pos.y())
        one = self._rectangle(place)
        if one is None or place is None:
            QToolTip.hideText()
            return
        tip = "<br>".join(plain_tip(line) for line in self._describe(place).split("\n"))
        QToolTip.showText(where, tip, self, shown_box(one, self.rect()).toAlignedRect())

    def _at(self, x: float, y: float) -> int | None:
        return self._plane.at(x, y) if self._plane is not None else None

    def _hover(self, place: int | None) -> None:
        if place != self._hovered:
            self._hovered = place
            self._tell(place)
            self.update()

    def _tell(self, place: int | None) -> None:
        self.pointed.emit(self._describe(place).replace("\n", " · ") if place is not None else "")

    # The keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _STEPS:
            self._step(*_STEPS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter(self._focused)
        elif key in (Qt.Key.Key_Backspace, Qt.Key.Key_Escape):
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._focused is None and self._plane is not None and self._plane.places:
            self._focus_on(next(iter(self._plane.places.values())), choose=False)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def _step(self, right: int, down: int) -> None:
        if self._plane is None or not self._plane.places:
            return
        if self._focused is None:
            self._focus_on(next(iter(self._plane.places.values())))
            return
        place = self._plane.neighbour(self._focused, right, down)
        if place is not None:
            self._focus_on(place)

    def _focus_on(self, place: int | None, choose: bool = True, tell: bool = True) -> None:
        one = self._rectangle(place)
        if one is None or place is None:
            return
        self._focused = place
        if tell:
            self._tell(place)
            self.setAccessibleDescription(self._describe(place).replace("\n", ", "))
            if choose and not one.is_module:
                self.chosen.emit(one.name)
        self.update()

    def _enter(self, place: int | None) -> None:
        if self._plane is not None and place is not None and (module := self._plane.module_at(place)) > 0:
            self.entered.emit(module)


def _within(box: QRectF, margin: float) -> QRectF:
    return box.adjusted(margin, margin, -margin, -margin)


def shown_box(one: Rectangle, within: QRect, least: float = _LEAST) -> QRectF:
    """Where a rectangle is outlined: on whole pixels, large enough to be seen, and inside."""
    left, top = round(one.x), round(one.y)
    width, height = max(round(one.right) - left, least), max(round(one.bottom) - top, least)
    return QRectF(min(left, within.width() - width), min(top, within.height() - height), width, height)
