"""The map of a tensor: its pictures, which of them are shown, and ways to get to an element."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from app.figure import Figure
from app.goto_line import GotoLine
from app.jobs import ViewLane
from app.map_canvas import MapCanvas
from app.map_colours import Part
from app.map_figure import map_body, map_height
from app.map_layouts import Arrangement
from app.map_look import LookButton
from app.map_slices import SliceBar
from app.part_toggles import COMPACT, PartToggles
from pruner.mask import Mask
from pruner.picture import CACHE, Picture, picture
from pruner.pyramid import Aggregate, Layout, find_next, is_line

_SHOWN: tuple[Part, ...] = ("before", "mask", "after")
_TIPS: dict[Part, str] = {
    "before": "The values as the file has them",
    "mask": "What is kept",
    "after": "The values with 0 where they are pruned",
    "difference": "What pruning takes away: before less after",
}
CACHE_SETTING = "map/cache_mib"
"""The most that pyramids may take together, in MiB."""


class MapView(QWidget):
    """Linked pictures of the selected tensor; says what is under the cursor."""

    pointed = Signal(str)
    """What the element (or the block) under the cursor is; empty where there is none."""
    failed = Signal(object)
    """A Failure: the numbers cannot be read."""

    def __init__(self, lane: ViewLane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map")
        self._lane = lane
        self._origin: int | None = None
        self.canvas = MapCanvas(lane, self)
        self.setFocusProxy(self.canvas)
        self.parts = PartToggles(_TIPS, _SHOWN, "show", self)
        self.goto = GotoLine("Go to…", self)
        self.next = QToolButton(self)
        self.look = LookButton(self)
        self.slices = SliceBar(self)
        self._given: Picture | None = None
        self._goal: tuple[str, int] | None = None
        """A tensor, and the flat index of the element of it that is to be marked."""
        self._build()
        self.canvas.pointed.connect(self._point)
        self.canvas.arrived.connect(self._arrive)
        self.parts.changed.connect(self.canvas.show_parts)
        self.canvas.show_scheme(self.look.scheme)
        self.look.recoloured.connect(self._recolour)
        self.look.rearranged.connect(self._rearrange)
        self.slices.changed.connect(self.look.arrange)
        self.canvas.failed.connect(self.failed)
        CACHE.limit = int(str(QSettings().value(CACHE_SETTING, CACHE.limit >> 20))) << 20

    def _build(self) -> None:
        self.goto.setObjectName("goto")
        self.goto.setAccessibleName("Go to index")
        self.goto.setStyleSheet(COMPACT)
        self.goto.setMinimumWidth(92)
        self.goto.chosen.connect(self._go)
        menu = QMenu(self)
        menu.addAction("Next pruned element\tP").triggered.connect(lambda: self.find_element(kept=False))
        menu.addAction("Next kept element\tK").triggered.connect(lambda: self.find_element(kept=True))
        self.next.setText("Next ▾")
        self.next.setStyleSheet(COMPACT)
        self.next.setObjectName("find_next")
        self.next.setToolTip("The next pruned (P) or kept (K) element from the place pointed at last")
        self.next.setMenu(menu)
        self.next.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.parts)
        row.addStretch(1)
        row.addWidget(self.goto)
        row.addWidget(self.next)
        row.addWidget(self.look)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(row)
        box.addWidget(self.slices)
        box.addWidget(self.canvas, 1)
        self.look.setStyleSheet(COMPACT)
        self.slices.hide()

    # What is shown

    def show_picture(self, picture: Picture, keep_view: bool) -> None:
        """Show a tensor; `keep_view` leaves pan and zoom as they are."""
        if not keep_view:
            self._origin = None
            self.goto.forget()
            self.pointed.emit("")
            if self._goal is not None and self._goal[0] != picture.plane.info.name:
                self._goal = None
        self._given = picture
        self.goto.shape = picture.layout.shape
        self.look.show_for(picture.layout.shape)
        self._show_slices()
        if (picture.layout, picture.pyramid.aggregate) == self.wanted(picture.layout.shape):
            self._lane.drop("map-picture")
            self.canvas.show_picture(picture, keep_view)
        elif picture.pyramid.read == 1:
            self._make(picture, keep_view)

    def wanted(self, shape: tuple[int, ...]) -> tuple[Layout, Aggregate]:
        """How a tensor is to be looked at: the layout of its picture, and what blocks show."""
        return self.look.layout_of(shape), self.look.aggregate

    def _make(self, given: Picture, keep_view: bool) -> None:
        """Make and show the picture of a tensor as it is to be looked at."""
        plane = given.plane
        steps = picture(plane.checkpoint, plane.info.name, plane.mask, *self.wanted(plane.info.shape))
        self._lane.request("map-picture", _with_end(steps), lambda made: self._place(made, keep_view), self.failed.emit)

    def _place(self, made: Picture, keep_view: bool) -> None:
        shown = self.canvas.picture
        if shown is not None and shown.layout != made.layout:
            same = shown.plane.info is made.plane.info and shown.layout.whole == made.layout.whole
            keep_view = keep_view and same
            self.canvas.marked = self.canvas.hovered = None
        self.canvas.show_picture(made, keep_view)

    def _rearrange(self) -> None:
        """Show the tensor in the layout that was chosen."""
        self._show_slices()
        if self._given is not None:
            self._make(self._given, keep_view=True)

    def _recolour(self) -> None:
        """Draw values in the way that was chosen; means have a picture of their own."""
        self.canvas.show_scheme(self.look.scheme)
        shown = self.canvas.picture
        if shown is not None and self._given is not None and shown.pyramid.aggregate != self.look.aggregate:
            self._make(self._given, keep_view=True)

    def _show_slices(self) -> None:
        shape = self._given.layout.shape if self._given is not None else ()
        arrangement: Arrangement = self.look.arrangement(shape)
        slices = len(shape) > 2 and not is_line(shape) and arrangement.kind == "slices"
        if slices:
            self.slices.show_slice(shape, arrangement)
        self.slices.setVisible(slices)

    def set_dimmed(self, dimmed: bool) -> None:
        """Show the pictures as those of before, while others are made."""
        self.canvas.set_dimmed(dimmed)

    def fit(self) -> None:
        """Show all of the tensor, also when the window's size changes."""
        self.canvas.fit()

    def one_to_one(self) -> None:
        """Show one element on one pixel of the screen, around the middle of what is shown."""
        self.canvas.one_to_one()

    def describe(self, column: float, row: float) -> str:
        """What lies at a place of the plane, in the tensor's own terms."""
        return self.canvas.describe(column, row)

    def figure(self) -> Figure | None:
        """The shown parts for the area that is looked at, under the title of who knows the tensor's name."""
        picture, area = self.canvas.picture, self.canvas.seen
        if picture is None or area is None:
            return None
        parts = tuple(pane.part for pane in self.canvas.panes)
        height = partial(map_height, parts, picture.layout, area)
        return Figure("Map", "", self.canvas.size().toSizeF(), map_body(picture, parts, area, self.look.scheme), height)

    # Getting to an element

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """G goes to an index, P and K find the next pruned or kept element."""
        if event.key() == Qt.Key.Key_G:
            self.goto.ask()
        elif event.key() in (Qt.Key.Key_P, Qt.Key.Key_K):
            self.find_element(kept=event.key() == Qt.Key.Key_K)
        else:
            super().keyPressEvent(event)

    def find_element(self, kept: bool) -> None:
        """Mark the next kept (or pruned) element from the place pointed at last."""
        picture = self.canvas.picture
        if picture is None:
            return
        mask = picture.plane.mask or Mask.ones(picture.layout.shape)
        start = 0 if self._origin is None else (self._origin + 1) % max(mask.numel, 1)

        def steps() -> Iterator[tuple[int | None] | None]:
            found = yield from find_next(mask, start, kept)
            yield (found,)

        def show(found: tuple[int | None]) -> None:
            if found[0] is None:
                self.pointed.emit("Nothing is kept." if kept else "Nothing is pruned.")
            elif self.canvas.picture is not None and self.canvas.picture.plane.info is picture.plane.info:
                self._mark(found[0])

        self._lane.request("map-find", steps(), show, self.failed.emit, 0)

    def _go(self, flat: int) -> None:
        if self.canvas.picture is not None:
            self._mark(flat)
            self.canvas.setFocus()

    def go_to(self, name: str, flat: int) -> None:
        """Mark an element of a tensor by its flat index and bring it into view, once the tensor's picture is there."""
        self._goal = name, flat
        self._reach()
        self.canvas.setFocus()

    def _reach(self) -> bool:
        """Mark what is to be marked, or arrange for the slice that holds it; False where it is not this tensor's."""
        picture = self.canvas.picture
        if self._goal is None or picture is None or picture.plane.info.name != self._goal[0]:
            return False
        shape, flat = picture.layout.shape, self._goal[1]
        if picture.layout.holding(flat) == picture.layout:
            self._goal = None
            self._mark(flat)
        elif (wanted := self.wanted(shape)[0]).holding(flat) != wanted:
            self.look.arrange(self.look.arrangement(shape).holding(picture.layout, flat))
        return True

    def _mark(self, flat: int) -> None:
        picture = self.canvas.picture
        assert picture is not None
        self._origin = flat
        if picture.layout.holding(flat) != picture.layout:
            self.go_to(picture.plane.info.name, flat)
            return
        self.canvas.mark(*picture.layout.place(flat))
        self._tell_marked()

    def _arrive(self) -> None:
        if not self._reach():
            self._tell_marked()

    def _tell_marked(self) -> None:
        """Tell of the marked element, when its tile is there and nothing else is pointed at."""
        if self.canvas.marked is not None and self.canvas.hovered is None:
            self.pointed.emit(self.canvas.describe_marked())

    def _point(self, text: str) -> None:
        if self.canvas.hovered is not None and self.canvas.picture is not None:
            self._origin = self.canvas.picture.layout.flat(*self.canvas.hovered)
        self.pointed.emit(text)
        if not text:
            self._tell_marked()


def _with_end(steps: Generator[Picture | None, None, Picture]) -> Iterator[Picture | None]:
    """What is known of a picture so far, and at last the whole."""
    yield (yield from steps)
