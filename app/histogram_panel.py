"""The histograms of the selected tensor, what the round does over each in words, and the threshold as it is dragged."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.histogram_trial import (
    Trial,
    first_line,
    is_draggable,
    planned_trial,
    second_line,
    taken_now,
    trial_at,
)
from app.histogram_view import HistogramView
from app.plain import unfolded
from app.session import Session
from app.tensor_requests import Cut
from pruner import PrunerError
from pruner.curves import Curve
from pruner.summaries import BINS, Histogram

_TITLES = ("Magnitudes", "Values")
_STRIP_HEIGHT = 88
_EDGE = 1e-9
"""What rounding may do to the edge of a bar."""


class Histograms(QObject):
    """A strip of magnitudes for under the map, and a page of its own; both show and move the same threshold."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._histogram: Histogram | None = None
        self._curve: Curve | None = None
        self._cut: Cut | None = None
        self.strip, self.whole = HistogramView(parent), HistogramView(parent)
        self.strip.setMinimumHeight(_STRIP_HEIGHT)
        self.views = (self.strip, self.whole)
        self.captions = [QLabel(parent), QLabel(parent)]
        self._titles = [_TITLES[0], _TITLES[0]]
        for label in self.captions:
            label.setWordWrap(True)  # else a long line would widen the window
            label.setTextFormat(Qt.TextFormat.RichText)
        for view in self.views:
            view.moved.connect(self._moved)
            view.settled.connect(self._settled)
            view.abandoned.connect(self._abandoned)
            view.stepped.connect(self._stepped)
            view.ended.connect(self._ended)

    def build_page(self, parent: QWidget) -> QWidget:
        """The page with the large histogram and its choices."""
        what = QComboBox(parent)
        what.addItems(list(_TITLES))
        what.setObjectName("histogram_of")
        what.setAccessibleName("Histogram of magnitudes or values")
        what.setToolTip("Magnitudes, by which the round cuts, or values with their sign")
        what.currentIndexChanged.connect(self._choose)
        logarithmic = QCheckBox("Logarithmic counts", parent)
        logarithmic.setObjectName("logarithmic")
        logarithmic.toggled.connect(self.whole.set_logarithmic)
        row = QHBoxLayout()
        row.addWidget(what)
        row.addWidget(logarithmic)
        row.addStretch(1)
        page = QWidget(parent)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 8, 0, 0)
        box.addLayout(row)
        box.addWidget(self.captions[1])
        box.addWidget(self.whole, 1)
        return page

    # What is known of the tensor

    def forget(self) -> None:
        """Another tensor, or other masks: what was counted does not hold any more."""
        self._curve = self._cut = None
        for view in self.views:
            view.show_threshold(view.threshold)

    def show_histogram(self, found: Histogram) -> None:
        """Show the counts."""
        self._histogram = found
        for view in self.views:
            view.show_histogram(found)

    def show_curve(self, curve: Curve) -> None:
        """Let the threshold be dragged."""
        self._curve = curve
        self.refresh()

    def show_cut(self, cut: Cut | None) -> None:
        """Show where the round cuts exactly; None is not known yet, and shown as far as the curve tells."""
        self._cut = cut
        self.refresh()

    def refresh(self) -> None:
        """Show what is planned, unless something else is being tried."""
        if any(view.dragging for view in self.views):
            return
        name, planned, curve = self._session.current, self._session.next_round, self._curve_now
        if name is None or planned.checkpoint is None:
            return
        movable = curve is not None and is_draggable(planned, name)
        trial = planned_trial(planned, name, curve) if curve is not None else None
        known = self._cut is not None or trial is not None
        place = self._cut.threshold if self._cut is not None else trial.threshold if trial is not None else None
        for view in self.views:
            view.show_threshold((place if known else view.threshold) or (0.0 if movable else place), movable=movable)
        self._write(trial, place)

    # What the user does

    def _moved(self, magnitude: float | None) -> None:
        trial = self._trial(magnitude)
        if trial is not None:
            self._session.tried.emit(trial)
            for view in self.views:
                view.show_threshold(magnitude or 0.0, movable=True)
            self._write(trial, None)

    def _settled(self, magnitude: float | None) -> None:
        trial, name = self._trial(magnitude), self._session.current
        if trial is None or name is None:
            return
        try:
            if trial.value is not None:
                self._session.set_options({"value": trial.value})
            elif trial.amount is not None:
                self._session.set_amounts([name], trial.amount)
        except PrunerError as error:
            self._session.tell("error", str(error))
        self._session.tried.emit(None)
        self.refresh()

    def _abandoned(self) -> None:
        self._session.tried.emit(None)
        self.refresh()

    def _stepped(self, steps: int) -> None:
        """Go to the next bar at which another number would be pruned, or a few further."""
        name, curve, found = self._session.current, self._curve_now, self._histogram
        if name is None or curve is None or found is None:
            return
        taken, way = taken_now(self._session.next_round, name, curve), int(math.copysign(1, steps))
        bar = found.limit / BINS or 1.0
        place = math.ceil((self.whole.threshold or 0.0) / bar - _EDGE)
        if way < 0 or curve.at_most(self._reach(place * bar)).count <= taken:
            place += way
        place = min(max(place + steps - way, 0), BINS)
        while 0 <= place <= BINS:
            reach = self._reach(place * bar)
            if way * (curve.at_most(reach).count - taken) > 0:
                self._settled(reach)
                return
            place += way
        if way < 0 and taken:
            self._settled(None)

    def _ended(self, last: bool) -> None:
        self._settled(self._histogram.limit if last and self._histogram is not None else None)

    def _choose(self, index: int) -> None:
        self._titles[1] = _TITLES[index]
        self.whole.set_signed(index == 1)
        self.refresh()

    def _reach(self, magnitude: float) -> float:
        """The magnitude, or from the last one drawn on the edge of its bin, so that the line can take it, too."""
        limit = self._histogram.limit if self._histogram is not None else math.inf
        last = magnitude >= limit * (1 - _EDGE) and self._curve is not None
        return max(magnitude, self._curve.largest) if last and self._curve is not None else magnitude

    def _trial(self, magnitude: float | None) -> Trial | None:
        name, planned, curve = self._session.current, self._session.next_round, self._curve_now
        if curve is None or name is None or not is_draggable(planned, name):
            return None
        return trial_at(planned, name, curve, None if magnitude is None else self._reach(magnitude))

    @property
    def _curve_now(self) -> Curve | None:
        """The curve, if it is of the elements that are left now."""
        name, curve = self._session.current, self._curve
        if curve is None or name is None or self._session.checkpoint is None:
            return None
        return curve if curve.left == self._session.left(name) else None

    def _write(self, trial: Trial | None, threshold: float | None) -> None:
        """The two lines over each histogram: what the round does, and what it leaves."""
        name, planned = self._session.current, self._session.next_round
        first = first_line(planned, name, trial, threshold) if name is not None else ""
        second = second_line(trial)
        for label, title in zip(self.captions, self._titles, strict=True):
            label.setText(unfolded(f"<b>{title}</b>&nbsp; {first}<br>{second or '&nbsp;'}"))
        for view in self.views:
            view.setAccessibleDescription(f"{first}. {second}" if second else first)
