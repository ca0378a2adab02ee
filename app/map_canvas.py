"""The pictures of a tensor beside each other, with one pan and zoom; blocks are asked for on the view lane."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app import map_paint
from app.colour_maps import USUAL, Scheme
from app.jobs import Failure, ViewLane
from app.map_camera import Camera
from app.map_colours import Drawn, Part
from app.map_gestures import Gestures
from app.map_paint import Pane
from app.map_tiles import Found, Show, best, drawn_steps, wanted_area, wanted_block
from app.map_words import describe
from app.theme import current
from pruner.picture import Picture
from pruner.pyramid import Area, Tile

_NEAR = 24
"""Pixels of an element that was gone to, at least."""


class MapCanvas(Gestures):
    """Linked pictures; drawing never waits, for the last tile stays, scaled, until the one for the view is there."""

    pointed = Signal(str)
    """What the element (or the block) under the cursor is; empty where there is none."""
    arrived = Signal()
    """A tile for the view is there."""
    failed = Signal(object)
    """A Failure: the numbers cannot be read."""

    def __init__(self, lane: ViewLane, parent: QWidget | None = None, slot: str = "map") -> None:
        super().__init__(parent)
        self._slot = slot
        self.setObjectName("map_canvas")
        self.setAccessibleName("Map of the tensor")
        self.setMinimumSize(120, 100)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._lane = lane
        self._picture: Picture | None = None
        self._drawn: Drawn | None = None
        self._overview: Drawn | None = None
        self._parts: tuple[Part, ...] = ("before", "mask", "after")
        self._scheme = USUAL
        self._camera = Camera(0, 0, 1)
        self._fitting = True
        self._asked = False
        self._coming: tuple[Picture, bool] | None = None
        self._dimmed = False
        self.hovered: tuple[int, int] | None = None
        self.marked: tuple[int, int] | None = None

    def sizeHint(self) -> QSize:
        """Room for the pictures."""
        return QSize(600, 320)

    @property
    def picture(self) -> Picture | None:
        """What is looked at."""
        return self._picture

    @property
    def tile(self) -> Tile | None:
        """The tile that is drawn."""
        return self._drawn.tile if self._drawn is not None else None

    @property
    def panes(self) -> list[Pane]:
        """Where each part is drawn."""
        line = self.fontMetrics().height()
        return map_paint.panes(self._parts, self.width(), self.height(), line, self._camera)

    @property
    def camera(self) -> Camera:
        """Where it is looked at from."""
        return self._camera

    @property
    def seen(self) -> Area | None:
        """The part of the tensor that is looked at; None where nothing is."""
        if self._picture is None:
            return None
        area = self._camera.area(self.panes[0].area, self._picture.layout)
        return area if area.rows and area.columns else None

    def show_picture(self, picture: Picture, keep_view: bool) -> None:
        """Show a tensor when its tile is there; `keep_view` leaves pan and zoom as they are."""
        if self._coming is not None:  # what replaces a picture that never was there is as new as that one
            keep_view = keep_view and self._coming[1]
        self._coming = picture, keep_view
        fitting = self._fitting or not keep_view or self._picture is None
        camera = self._fit(picture) if fitting else self._camera

        def show(found: Found) -> None:
            self._coming = None
            if not keep_view:
                self.marked = self.hovered = None
            self._picture, self._fitting = picture, fitting or self._fitting
            self._overview = found[0]
            self._camera = self._fit(picture) if self._fitting else self._camera
            self._arrive(found)

        self._ask(picture, camera, True, show)

    def show_parts(self, parts: tuple[Part, ...]) -> None:
        """Choose which pictures are shown."""
        self._parts = parts
        self._drawn = self._overview = None
        if self._coming is not None:
            self.show_picture(*self._coming)
        elif self._picture is not None:
            self.show_picture(self._picture, keep_view=True)
        self.update()

    def show_scheme(self, scheme: Scheme) -> None:
        """Choose how values are drawn."""
        self._scheme = scheme
        self._need()

    def set_dimmed(self, dimmed: bool) -> None:
        """Show the pictures as those of before, while others are made."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def fit(self) -> None:
        """Show all of the tensor, also when the window's size changes."""
        self._fitting = True
        if self._picture is not None:
            self._look(self._fit(self._picture))

    def one_to_one(self) -> None:
        """Show one element on one pixel of the screen, around the middle of what is shown."""
        self._fitting = False
        self._look(Camera(self._camera.x, self._camera.y, 1 / self.devicePixelRatioF()))

    def describe_marked(self) -> str:
        """What the marked element is, while nothing is pointed at; empty where none is marked."""
        if self.marked is None or self.hovered is not None:
            return ""
        row, column = self.marked
        return self.describe(column + 0.5, row + 0.5)

    def mark(self, row: int, column: int, nearest: float = _NEAR) -> None:
        """Mark an element and bring it into view, with a size of at least `nearest` pixels."""
        if self._picture is None:
            return
        self.marked = (row, column)
        self.hovered = None
        self._fitting = False
        scale = max(self._camera.scale, nearest)
        seen = self._camera.area(self.panes[0].area, self._picture.layout)
        inside = seen.within(Area(row, column, row + 1, column + 1))
        if scale != self._camera.scale or not (inside.rows and inside.columns):
            self._look(Camera(column + 0.5, row + 0.5, scale))
        self.update()

    def zoom(self, factor: float, point: QPointF | None = None) -> None:
        """Look from nearer by a factor, around a point of the widget or the middle."""
        self._fitting = False
        pane = self._pane_at(point) if point is not None else None
        area = (pane or self.panes[0]).area
        least = self._fit(self._picture).scale / 2 if self._picture is not None else 1e-9
        self._look(self._camera.zoomed(area, point if pane is not None and point else area.center(), factor, least))

    def pan(self, by: QPointF) -> None:
        """Drag the pictures by so many pixels."""
        self._fitting = False
        self._look(self._camera.moved(by))

    def describe(self, column: float, row: float) -> str:
        """What lies at a place of the plane, in the tensor's own terms."""
        for drawn in (self._drawn, self._overview):
            place = Area(int(row), int(column), int(row) + 1, int(column) + 1)
            if drawn is not None and row >= 0 and column >= 0 and drawn.tile.area.holds(place):
                return describe(drawn.tile, int(row), int(column))
        return ""

    def _fit(self, picture: Picture) -> Camera:
        area = self.panes[0].area
        return Camera.fitting(picture.layout, area.width(), area.height())

    def _look(self, camera: Camera) -> None:
        """Look from elsewhere; ask for what is missing there."""
        if self._picture is None:
            return
        self._camera = camera.within(self._picture.layout)
        self._need()
        self.update()

    def _need(self) -> None:
        """Ask for the view's tile, unless it is there or another one is on its way."""
        if self._picture is None or self._asked:
            return
        drawn, pane = self._drawn, self.panes[0].area
        block = wanted_block(self._picture, self._camera, self.devicePixelRatioF())
        seen = self._camera.area(pane, self._picture.layout)
        if drawn is not None and drawn.tile.block == block and self._is_of_now(drawn) and drawn.tile.area.holds(seen):
            return
        picture = self._picture

        def show(found: Found) -> None:
            self._overview = found[0] or self._overview
            self._arrive(found)

        self._ask(picture, self._camera, not self._is_of_now(self._overview), show)

    def _is_of_now(self, drawn: Drawn | None) -> bool:
        return drawn is not None and drawn.theme == current() and drawn.scheme == self._scheme

    def _ask(self, picture: Picture, camera: Camera, overview: bool, show: Show) -> None:
        block = wanted_block(picture, camera, self.devicePixelRatioF())
        area = wanted_area(picture, camera, self.panes[0].area, block)
        self._asked = True
        steps = drawn_steps(picture, area, block, self._parts, current(), self._scheme, overview)
        self._lane.request(self._slot, steps, show, self._fail, 0)

    def _arrive(self, found: Found) -> None:
        self._asked = False
        self._drawn = found[1]
        self._need()
        self.update()
        if self.hovered is not None:
            self.pointed.emit(self.describe(self.hovered[1], self.hovered[0]))
        self.arrived.emit()

    def _fail(self, failure: Failure) -> None:
        self._asked = False
        self._coming = None
        self.failed.emit(failure)

    # Events

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is there."""
        theme = current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.surface))
        shown = self.panes
        found = best(self._drawn, self._overview, self._camera, shown[0].area)
        for pane in shown:
            map_paint.paint_frame(painter, pane, found[-1] if found else None, theme)
            painter.save()
            painter.setClipRect(pane.area)
            painter.setOpacity(0.35 if self._dimmed else 1.0)
            map_paint.paint_tiles(painter, pane, found, theme, self.devicePixelRatioF())
            for place, colour, least in ((self.hovered, theme.muted, 5), (self.marked, theme.accent, 9)):
                if found and place is not None:
                    map_paint.paint_mark(painter, pane, place, colour, least)
            painter.restore()
        if self.hasFocus():
            painter.setPen(QColor(theme.accent))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -1, -1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep showing all of the tensor, unless the user looks at a part."""
        super().resizeEvent(event)
        if self._picture is not None:
            self._look(self._fit(self._picture) if self._fitting else self._camera)

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of a new theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_asked"):
            self._need()
            self.update()

    def _pane_at(self, point: QPointF) -> Pane | None:
        return next((pane for pane in self.panes if pane.area.contains(point)), None)

    def point(self, point: QPointF | None) -> None:
        """Tell what is at a point of the widget, or point at nothing."""
        pane = self._pane_at(point) if point is not None else None
        self.hovered = None
        text = ""
        if pane is not None and point is not None and self._picture is not None:
            at = self._camera.to_plane(pane.area, point)
            text = self.describe(at.x(), at.y())
            self.hovered = (int(at.y()), int(at.x())) if text else None
        self.pointed.emit(text)
        self.update()
