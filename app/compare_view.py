"""The selected tensor beside that of the second checkpoint: pictures, differences in bars, figures in words."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.agreement_colours import agreement_palette
from app.compare_bars import DifferenceBars
from app.compare_figure import pair_body, pair_height
from app.compare_requests import pair_steps
from app.compare_words import agreement, figures
from app.comparison import Row
from app.figure import Figure
from app.jobs import Failure
from app.lazy import seen
from app.map_canvas import MapCanvas
from app.map_colours import Part
from app.part_toggles import PartToggles
from app.plain import breakable, plain_label, unfolded
from app.session import Session
from app.theme import current
from app.timers import once
from pruner.pairs import Both, Difference, PairPicture
from pruner.summaries import Histogram

_SLOT, _MAP_SLOT = "compare-pair", "compare-map"
_SHOWN: tuple[Part, ...] = ("apart", "agreement")
_TIPS: dict[Part, str] = {
    "here": "The document's values",
    "there": "The second file's values",
    "apart": "The document's values less those of the second file",
    "agreement": "Which elements both keep, both prune, or only one of them",
}
_ROOM = 400
"""Pixels of height from which the bars have a place under the pictures."""
_LOOK_MS = 10


class CompareView(QWidget):
    """Linked pictures of both tensors and of what is between them; nothing is read while it is not seen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._comparison = session, session.comparison
        self._asked: tuple[object, ...] | None = None
        self._shown: str | None = None
        self.canvas = MapCanvas(session.view, self, _MAP_SLOT)
        self.parts = PartToggles(_TIPS, _SHOWN, "compare", self)
        self.bars = DifferenceBars(self)
        self.figures = plain_label(self)
        self._under, self._empty, self._agreed = plain_label(self), plain_label(self), QLabel(self)
        self.largest = QPushButton("Largest", self)
        self._difference: Difference | None = None
        self._look = once(self, _LOOK_MS, self._load)
        self._pages = QStackedWidget(self)
        self._build()
        self.canvas.pointed.connect(self._point)
        self.canvas.arrived.connect(lambda: self._point(""))
        self.canvas.failed.connect(self._failed)
        self.canvas.show_parts(_SHOWN)
        self.parts.changed.connect(self.canvas.show_parts)
        for signal in (session.selection_changed, session.pruning_changed, self._comparison.changed):
            signal.connect(self._wanted)
        self._comparison.filled.connect(self._filled)

    def _build(self) -> None:
        self.setObjectName("compare_view")
        self.setWhatsThis(
            "The selected tensor of the document (here) beside that of the second file (there). Difference: red where "
            "the document's value is larger, blue where it is smaller; a pixel shows the largest difference it covers, "
            "and few that differ get a ring. Masks: what both keep, what both prune, and what only one of them prunes."
        )
        self.figures.setObjectName("compare_figures")
        self.figures.setWordWrap(True)
        self._agreed.setObjectName("compare_agreement")
        self._agreed.setTextFormat(Qt.TextFormat.RichText)
        self._agreed.setWordWrap(True)
        self._under.setMinimumHeight(20)
        self._under.setMinimumWidth(40)
        self._under.setObjectName("compare_under_cursor")
        self._empty.setProperty("role", "muted")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setObjectName("compare_empty")
        self.canvas.setAccessibleName("Maps of both tensors")
        self.bars.setMinimumHeight(72)
        self.bars.setMaximumHeight(120)
        fit = QPushButton("Fit", self)
        fit.setToolTip("Show all of the tensor")
        fit.clicked.connect(self.canvas.fit)
        self.largest.setToolTip("Go to the element with the largest difference")
        self.largest.clicked.connect(self._go_to_largest)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.parts)
        top.addStretch(1)
        for button in (self.largest, fit):
            button.setProperty("role", "link")
            top.addWidget(button)
        page = QWidget(self)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addLayout(top)
        box.addWidget(self.canvas, 1)
        box.addWidget(self._under)
        box.addWidget(self._agreed)
        box.addWidget(self.figures)
        box.addWidget(self.bars)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.addWidget(self._pages)

    # Loading, on the view lane

    def paintEvent(self, event: QPaintEvent) -> None:
        """Coming to the front of the tabs is told by this alone."""
        super().paintEvent(event)
        self._wanted()

    def _wanted(self) -> None:
        """Load soon what is missing, if it is seen."""
        if seen(self) and not self._look.isActive():
            self._look.start()

    def _load(self) -> None:
        place = self._comparison.current
        if place is None:
            self._asked = None
            self._say("" if self._comparison.pairing is None else "Select a tensor in the table.")
            return
        both = self._comparison.both(place)
        if both is None:
            self._asked = None
            other = self._comparison.other
            self._say(f"Only here: {other.path.name if other else 'the second file'} has no such tensor.")
            return
        wanted = (both.first, both.second, both.pair, both.pruned)
        if self._asked is not None and all(one is other for one, other in zip(wanted, self._asked, strict=True)):
            return
        self._asked = wanted
        self._difference = None
        if self._shown != both.pair.name:
            self._say("Reading…")
        else:
            self.canvas.set_dimmed(True)
        self._session.view.request(_SLOT, pair_steps(both), partial(self._show, place, both), self._failed)

    # Showing, on the GUI thread

    def _show(self, place: int, both: Both, part: Difference | PairPicture | Histogram) -> None:
        now = self._comparison.both(place) if place < len(self._comparison.rows) else None
        if now is None or now.pair is not both.pair or now.pruned is not both.pruned:
            return  # it is compared otherwise by now, and asked for anew
        if isinstance(part, Difference):
            row = replace(self._comparison.rows[place], difference=part)
            self._comparison.take([(place, row)])
            self._difference = part
            self._write(row)
        elif isinstance(part, PairPicture):
            self.canvas.set_dimmed(False)
            self.canvas.show_picture(part, keep_view=self._shown == both.pair.name)
            self._shown = both.pair.name
            self._pages.setCurrentIndex(1)
        else:
            self.bars.show_histogram(part)

    def _write(self, row: Row) -> None:
        found = row.difference
        assert found is not None
        text = figures(row)
        if found.changed is None or not np.prod(found.shapes[0]):
            self._say(text if found.changed is None else "The tensors have no elements.")
            return
        self.figures.setText(breakable(text))
        self.largest.setEnabled(bool(found.changed))
        self._show_bars()
        self._write_legend()

    def _write_legend(self) -> None:
        found = self._difference.masks if self._difference is not None else None
        if found is not None:
            self._agreed.setText(unfolded(agreement(found, agreement_palette(current()))))

    def _filled(self, places: list[int]) -> None:
        """A row that cannot be read says so here, too; one that is compared otherwise now is loaded anew."""
        self._wanted()
        place = self._comparison.current
        if place in places and (problem := self._comparison.rows[place].problem):
            self._say(problem)

    def _failed(self, failure: Failure) -> None:
        self._say(failure.text)
        self._session.take_unread(failure)

    def _say(self, text: str) -> None:
        self._shown = None
        self._empty.setText(breakable(text))
        self._pages.setCurrentIndex(0)

    # Taking it away

    def figure(self) -> Figure | None:
        """Maps of the area that is looked at, with all that is said below them; None while there are none."""
        picture, area, found = self.canvas.picture, self.canvas.seen, self._difference
        other, place = self._comparison.other, self._comparison.current
        if not isinstance(picture, PairPicture) or area is None or found is None or other is None or place is None:
            return None
        parts = tuple(pane.part for pane in self.canvas.panes)
        bars = self.bars.figure() if found.changed else None
        words = found.masks is not None and "agreement" in parts
        body = pair_body(picture, parts, area, found.masks, bars.make if bars is not None else None)
        height = partial(pair_height, picture, parts, area, words, bars is not None)
        said = f"there: {other.path.name} · {figures(replace(self._comparison.rows[place], difference=found))}"
        return Figure("Comparison", said, self.size().toSizeF(), body, height)

    # What the user does

    def _go_to_largest(self) -> None:
        found, picture = self._difference, self.canvas.picture
        if found is None or found.where is None or picture is None:
            return
        flat = int(np.ravel_multi_index(found.where, found.shapes[0])) if found.where else 0
        self.canvas.mark(*picture.layout.place(flat))
        self._point("")
        self.canvas.setFocus()

    def _point(self, text: str) -> None:
        """Say what is under the cursor, or else what is marked."""
        text = self.canvas.describe_marked() or text
        if text or self.canvas.hovered is None:
            self._under.setText(text)

    def _show_bars(self) -> None:
        """The bars give way where the panel is low, and where nothing differs."""
        found = self._difference
        self.bars.setVisible(self.height() >= _ROOM and found is not None and bool(found.changed))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_bars()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_difference"):
            self._write_legend()
