"""The whole model in one picture: a treemap of its tensors, and a strip of them in the order of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np
from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QContextMenuEvent, QPaintEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.figure import Figure
from app.figure_menu import PictureButton
from app.jobs import Failure
from app.lazy import seen
from app.next_round import NextRound
from app.norm_losses import NormLosses, measure_losses
from app.plain import plain_label
from app.session import Session
from app.timers import once
from app.treemap_colours import Shares, Tensors
from app.treemap_figure import treemap_body
from app.treemap_labels import header_height
from app.treemap_measures import Measure, shares_of
from app.treemap_plane import Plane, make_plane
from app.treemap_text import describe, module_below
from app.whole_model_page import WholeModelPage
from pruner import Pruning
from pruner.losses import Loss
from pruner.module_tree import ModuleNode

T = TypeVar("T")
_PAUSE_MS, _REST_MS = 10, 120
"""So long changes are collected, so that a burst of them is one picture; sizes of a large model until they rest.

Until then the last picture is stretched: Python that computes beside a window that is being resized makes it stutter.
"""
_AT_ONCE = 500
"""Up to so many tensors all is computed at once; what takes longer goes to the view lane."""
_UNDER = 80
"""The height of the strip and the legend in a picture as large as on the screen."""
_LAYOUT, _SHARES, _LOSSES = "whole_model_layout", "whole_model_shares", "whole_model_losses"
_URGENCY = 2
"""Of measuring norms: whatever else the screen asks for goes first."""
_EMPTY = "Open a checkpoint to see all of its tensors in one picture."


class WholeModelPanel(QWidget):
    """Each tensor a rectangle with an area by its elements and a colour by a share of it, nested as the modules are."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._path: list[str] = [""]
        self._tensors: Tensors | None = None
        self._plane: Plane | None = None
        self._shares: Shares | None = None
        self._stale = {"document", "layout", "shares"}
        self._pending: set[str] = set()
        self._measured = Measure.NOW
        self._losses = NormLosses()
        self.page = WholeModelPage(self._describe, self)
        self.view, self.strip, self.by = self.page.view, self.page.strip, self.page.by
        self._empty = plain_label(self)
        self._pages = QStackedWidget(self)
        self._picture = PictureButton(session, self.figure, self)
        self._timer = once(self, _PAUSE_MS, self._catch_up)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.setObjectName("whole_model_panel")
        self.setWhatsThis(
            "The whole model: each tensor is a rectangle, as large as its elements are many, inside its modules; the "
            "strip has the same tensors in the order of the file. Dark is dense, or has lost nothing; sand is sparse, "
            "or has lost most. Click selects, double click or Enter goes into a module, Esc or Backspace comes out, "
            "arrow keys walk."
        )
        self._empty.setText(_EMPTY)
        self._empty.setProperty("role", "muted")
        self.page.add_tool(self._picture)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self._pages)
        self.setFocusProxy(self.view)

    def _connect(self) -> None:
        session = self._session
        session.checkpoint_changed.connect(self._new_document)
        for signal in (session.counts_changed, session.pruning_changed):
            signal.connect(self._new_shares)
        for signal in (session.amounts_changed, session.method_changed):
            signal.connect(self._new_plan)
        session.selection_changed.connect(self._show_selection)
        self.by.currentIndexChanged.connect(self._new_measure)
        self.view.resized.connect(self._resized)
        self.view.chosen.connect(self._choose)
        self.view.entered.connect(self._enter)
        self.view.left.connect(self._leave)
        self.strip.chosen.connect(self._choose)
        self.page.crumbs.gone.connect(self._keep_steps)

    @property
    def busy(self) -> bool:
        """Whether the picture is not yet that of the session."""
        return bool(self._stale or self._pending)

    # Taking it away

    def figure(self) -> Figure | None:
        """The treemap of the module that is shown, with the strip and the legend."""
        checkpoint, tree, tensors = self._session.checkpoint, self._session.tree, self._tensors
        if checkpoint is None or tree is None or tensors is None or self._shares is None or self._plane is None:
            return None
        name = self._path[-1]
        module = module_below(tree, name)
        of = f"{name} · {checkpoint.path.name}" if name else checkpoint.path.name
        title = f"{self._measured.value} · {of}"
        lines = [line.removeprefix("module of ") for line in self._describe(0).split("\n")[1:]]
        size = self.view.size() + QSize(0, _UNDER)
        return Figure(
            title, " · ".join(lines), size.toSizeF(), treemap_body(module, tensors, self._shares, self._measured)
        )

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self._picture.popup(event.globalPos())

    # What has changed

    def _new_document(self) -> None:
        self._path = [""]
        self._tensors = self._shares = self._plane = None
        self._losses.clear()
        for slot in (_LAYOUT, _SHARES, _LOSSES):
            self._session.view.drop(slot)
        self._pending.clear()
        self._make_stale("document", "layout", "shares")

    def _new_shares(self) -> None:
        self._make_stale("shares")

    def _new_plan(self) -> None:
        if self.page.measure is Measure.AFTER:
            self._make_stale("shares")

    def _new_measure(self) -> None:
        if self.page.measure.norm is None:  # what is measured already stays
            self._session.view.drop(_LOSSES)
        self._make_stale("shares")

    def _make_stale(self, *what: str) -> None:
        """Bring it up to date soon, if it is seen; else when it is shown."""
        self._stale.update(what)
        if seen(self):
            self._timer.start(_PAUSE_MS)

    def _resized(self) -> None:
        checkpoint = self._session.checkpoint
        large = self._plane is not None and checkpoint is not None and len(checkpoint.tensors) > _AT_ONCE
        self._make_stale("layout")
        if large and self._timer.isActive():
            self._timer.start(_REST_MS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Coming to the front of the tabs is told by this alone."""
        super().paintEvent(event)
        if self._stale and not self._timer.isActive():
            self._timer.start(_PAUSE_MS)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_timer"):
            self._show()
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_timer"):
            self._make_stale("layout")

    # Computing

    def _catch_up(self) -> None:
        checkpoint, tree = self._session.checkpoint, self._session.tree
        has_any = tree is not None and tree.numel > 0
        self._pages.setCurrentIndex(int(has_any))
        if checkpoint is None or tree is None or not has_any:
            self._empty.setText(_EMPTY if checkpoint is None else f"{checkpoint.path.name} has no elements to show.")
            self._stale.clear()
            return
        stale, self._stale = self._stale, set()
        if "document" in stale:
            self._show_path()
        if "layout" in stale:
            self._compute(_LAYOUT, self._layout(tree), self._take_plane)
        if "shares" in stale:
            self._measure()
            measure, planned = self.page.measure, self._session.next_round
            self._compute(_SHARES, self._look_up(planned, measure), partial(self._take_shares, measure))

    def _measure(self) -> None:
        """Measure what is not known yet of the norms; what comes in is shown bit by bit."""
        checkpoint, pruning = self._session.checkpoint, self._session.pruning
        if checkpoint is None or pruning is None or self.page.measure.norm is None:
            return
        if missing := self._losses.missing(pruning):
            steps = measure_losses(checkpoint, pruning, missing)
            self._session.view.request(_LOSSES, steps, partial(self._take_losses, pruning), self._failed, _URGENCY)

    def _take_losses(self, pruning: Pruning, found: dict[str, Loss]) -> None:
        self._losses.take(pruning, found)
        self._make_stale("shares")

    def _layout(self, tree: ModuleNode) -> Callable[[], tuple[Tensors, Plane]]:
        checkpoint, known, name = self._session.checkpoint, self._tensors, self._path[-1]
        assert checkpoint is not None
        width, height, scale = self.view.width(), self.view.height(), self.view.devicePixelRatioF()
        header = header_height(self.view.font())

        def lay_out() -> tuple[Tensors, Plane]:
            tensors = known or Tensors.of(checkpoint)
            return tensors, make_plane(module_below(tree, name), tensors.places, width, height, scale, header)

        return lay_out

    def _look_up(self, planned: NextRound, measure: Measure) -> Callable[[], Shares]:
        return lambda: shares_of(planned, measure, self._losses)

    def _compute(self, slot: str, work: Callable[[], T], show: Callable[[T], None]) -> None:
        checkpoint = self._session.checkpoint
        if checkpoint is not None and len(checkpoint.tensors) <= _AT_ONCE:
            self._session.view.drop(slot)
            show(work())
            return

        def steps() -> Iterator[T]:
            yield work()

        self._pending.add(slot)
        self._session.view.request(slot, steps(), show, self._failed)

    def _take_plane(self, found: tuple[Tensors, Plane]) -> None:
        self._pending.discard(_LAYOUT)
        self._tensors, self._plane = found
        self._show()
        self._show_selection()

    def _take_shares(self, measure: Measure, shares: Shares) -> None:
        self._pending.discard(_SHARES)
        self._measured, self._shares = measure, shares
        self._show()

    def _failed(self, failure: Failure) -> None:
        self._pending.clear()
        self.page.say(failure.text)

    # Showing

    def _show(self) -> None:
        tensors, plane = self._tensors, self._plane
        if tensors is None or plane is None:
            return
        shares = self._shares if self._shares is not None else np.full(len(tensors.numels), np.nan)
        self.page.show_model(tensors, plane, shares, self._measured)

    def _show_path(self) -> None:
        checkpoint = self._session.checkpoint
        first = checkpoint.path.name if checkpoint is not None else ""
        pairs = zip(self._path, self._path[1:], strict=False)
        titles = [first, *(name.removeprefix(f"{above}.") for above, name in pairs)]
        self.page.crumbs.show_path(titles, [first, *self._path[1:]])

    def _show_selection(self) -> None:
        self.page.set_selected(self._session.selected)

    def _describe(self, place: int) -> str:
        if self._plane is None or self._tensors is None:  # another document is on its way
            return ""
        measure = self.page.measure
        planned = self._session.next_round
        return describe(planned, self._plane, place, self._tensors, self._shares, measure, self._losses)

    # What the user does

    def _choose(self, name: str) -> None:
        if self._plane is not None:
            self._session.select([name])

    def _enter(self, place: int) -> None:
        if self._plane is not None and "layout" not in self._stale and _LAYOUT not in self._pending:
            self._go([*self._path, *self._plane.path_to(place)[1:]])

    def _leave(self) -> None:
        if len(self._path) > 1:
            self._go(self._path[:-1])

    def _keep_steps(self, steps: int) -> None:
        self._go(self._path[:steps])
        self.view.setFocus()

    def _go(self, path: list[str]) -> None:
        self._path = path
        self._show_path()
        self._make_stale("layout")
