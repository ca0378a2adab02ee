"""The centre: the selected tensor, large, as a map, a histogram and figures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.figures_view import FiguresView
from app.histogram_view import HistogramView
from app.jobs import Failure
from app.map_view import MapView
from app.plain import plain_label, plain_tip
from app.session import Session
from app.tree_model import written
from pruner import Amount, Checkpoint, Mask, TensorInfo
from pruner.elements import elements_of
from pruner.picture import Picture, picture
from pruner.plan import DEFAULT_METHOD
from pruner.reading import why_unreadable
from pruner.rounds import threshold_of
from pruner.summaries import Figures, Histogram, histogram, measure

_BUSY_MS = 300


@dataclass(frozen=True, eq=False)
class _Planned:
    """Where the planned round would cut: None where it would prune nothing."""

    threshold: float | None


class TensorPanel(QWidget):
    """What the selected tensor is, and what pruning does to it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._shown: str | None = None
        self._histogram: Histogram | None = None
        self._before: Figures | None = None
        self.map = MapView(self)
        self.strip = HistogramView(self)
        self.histogram = HistogramView(self)
        self.figures = FiguresView(self)
        self._title, self._facts, self._notes = plain_label(self), plain_label(self), plain_label(self)
        self._empty = plain_label(self)
        self._under = plain_label(self)
        self._cut = [QLabel(self), QLabel(self)]
        self._busy = QTimer(self)
        self._busy.setSingleShot(True)
        self._busy.setInterval(_BUSY_MS)
        self._busy.timeout.connect(self._show_busy)
        self._build()
        self.map.pointed.connect(self._under.setText)
        session.selection_changed.connect(self._load)
        session.pruning_changed.connect(self._load)
        session.amounts_changed.connect(self._load_threshold)
        self._load()

    # Building

    def _build(self) -> None:
        self.setObjectName("tensor_panel")
        self.setWhatsThis(
            "The selected tensor. Map: its values, its mask and what is left, with the wheel to zoom and the mouse to "
            "pan. Histogram: how many elements have which magnitude; the dashed line is where the planned round cuts."
        )
        self._title.setProperty("role", "title")
        self._title.setObjectName("tensor_name")
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts.setProperty("role", "muted")
        self._notes.setProperty("role", "muted")
        self._notes.setWordWrap(True)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.tabs = QTabWidget(self)
        self.tabs.addTab(self._build_map(), "Map")
        self.tabs.addTab(self._build_histogram(), "Histogram")
        self.tabs.addTab(self.figures, "Figures")
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.tabs)
        card = QWidget(self)
        card.setProperty("card", True)
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(16, 12, 16, 12)
        inside.setSpacing(4)
        for widget in (self._title, self._facts, self._notes):
            inside.addWidget(widget)
        inside.addWidget(self._pages, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)

    def _build_map(self) -> QWidget:
        self._under.setMinimumHeight(20)
        self._under.setObjectName("under_cursor")
        row = QHBoxLayout()
        row.addWidget(self._under, 1)
        for text, tip, action in (
            ("Fit", "Show all of the tensor", self.map.fit),
            ("1:1", "One element on one pixel", self.map.one_to_one),
        ):
            row.addWidget(_link(text, tip, action))
        self.strip.setMaximumHeight(130)
        page = QWidget(self)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 8, 0, 0)
        box.addWidget(self.map, 1)
        box.addLayout(row)
        box.addWidget(self._cut[0])
        box.addWidget(self.strip)
        return page

    def _build_histogram(self) -> QWidget:
        logarithmic = QCheckBox("Logarithmic counts", self)
        logarithmic.toggled.connect(self.histogram.set_logarithmic)
        row = QHBoxLayout()
        row.addWidget(self._cut[1], 1)
        row.addWidget(logarithmic)
        page = QWidget(self)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 8, 0, 0)
        box.addLayout(row)
        box.addWidget(self.histogram, 1)
        return page

    # Loading, on the view lane

    def _load(self) -> None:
        checkpoint, name = self._session.checkpoint, self._session.current
        if checkpoint is None or name is None:
            self._say("Select a tensor in the tree." if checkpoint is not None else "")
            self._title.clear()
            self._facts.clear()
            self._notes.clear()
            return
        info = checkpoint[name]
        self._write_header(info)
        if not info.numel:
            self._say("The tensor has no elements.")
            return
        if not info.readable:
            self._say(why_unreadable(info))
            return
        self._busy.start()
        pruning = self._session.pruning
        mask = pruning[name].mask if pruning is not None and name in pruning else None
        self._session.view.request("tensor", _summaries(checkpoint, name, mask), self._show, self._failed)
        self._load_threshold()

    def _load_threshold(self) -> None:
        checkpoint, name = self._session.checkpoint, self._session.current
        amount = self._session.amounts.get(name) if name is not None else None
        if checkpoint is None or name is None or amount is None:
            self._session.view.drop("threshold")
            self._show(_Planned(None))
            return
        pruning = self._session.pruning
        mask = pruning[name].mask if pruning is not None and name in pruning else None
        self._session.view.request("threshold", _threshold(checkpoint, name, mask, amount), self._show, self._failed, 0)

    # Showing, on the GUI thread

    def _show(self, part: Picture | Histogram | tuple[Figures, Figures] | _Planned) -> None:
        if isinstance(part, Picture):
            self._busy.stop()
            self.map.set_dimmed(False)
            self.map.show_picture(part, keep_view=self._shown == self._session.current)
            self._shown = self._session.current
            self._pages.setCurrentWidget(self.tabs)
        elif isinstance(part, Histogram):
            self._histogram = part
            for view in (self.strip, self.histogram):
                view.show_histogram(part)
        elif isinstance(part, _Planned):
            for view in (self.strip, self.histogram):
                view.show_threshold(part.threshold)
            self._write_cut(part.threshold)
        else:
            self.figures.show_figures(*part)

    def _failed(self, failure: Failure) -> None:
        self._session.files.check()
        self._say(failure.text)
        if failure.details:
            self._session.tell("bug", failure.text, failure.details)

    def _show_busy(self) -> None:
        self.map.set_dimmed(True)
        if self._shown is None:
            self._say("Reading…")

    def _say(self, text: str) -> None:
        self._busy.stop()
        self._shown = None
        self._empty.setText(text)
        self._pages.setCurrentWidget(self._empty)

    def _write_header(self, info: TensorInfo) -> None:
        assert self._session.checkpoint is not None
        kinds = {module.name: module.type for module in self._session.checkpoint.modules}
        module_type = kinds.get(info.module)
        facts = [
            *([module_type.rpartition(".")[2]] if module_type else []),
            info.kind,
            numbers.shape(info.shape),
            info.dtype,
            numbers.plural(info.numel, "element"),
            numbers.size(info.nbytes),
        ]
        self._title.setText(info.name)
        self._title.setToolTip(plain_tip(info.name))
        self._facts.setText(" · ".join(facts))
        self._notes.setText(" ".join(self._remarks(info)))
        self._notes.setVisible(bool(self._notes.text()))

    def _remarks(self, info: TensorInfo) -> Iterator[str]:
        if len(self._session.selected) > 1:
            yield f"{numbers.plural(len(self._session.selected), 'tensor')} are selected; this is the first."
        if info.shares_storage_with:
            others = ", ".join(info.shares_storage_with[:3])
            more = f" and {len(info.shares_storage_with) - 3} more" if len(info.shares_storage_with) > 3 else ""
            yield f"Shares its storage with {others}{more}."
        if not info.contiguous:
            yield "Its elements are not contiguous in the file."

    def _write_cut(self, threshold: float | None) -> None:
        """The line over the histogram: what the next round would do, in words."""
        name = self._session.current
        amount = self._session.amounts.get(name) if name is not None else None
        text = "<b>Magnitudes</b>"
        if name is not None and amount is not None:
            count = self._session.planned_count(name) or 0
            what = f"{written(amount)} = {numbers.count(count)} of {numbers.count(self._session.left(name))}"
            text += f"&nbsp; {what}" + (f" · threshold {numbers.figure(threshold)}" if threshold is not None else "")
        for label in self._cut:
            label.setText(text)


def _summaries(
    checkpoint: Checkpoint, name: str, mask: Mask | None
) -> Iterator[Picture | Histogram | tuple[Figures, Figures] | None]:
    """The parts of the view, the picture first; None in between, to give way."""
    drawn = yield from picture(checkpoint, name, mask)
    yield drawn
    counted = yield from histogram(checkpoint, name, mask, drawn.limit)
    yield counted
    before = yield from _giving_way(checkpoint, name, None)
    after = (yield from _giving_way(checkpoint, name, mask)) if mask is not None else before
    yield before, after


def _giving_way(checkpoint: Checkpoint, name: str, mask: Mask | None) -> Generator[None, None, Figures]:
    steps = measure(checkpoint, name, mask)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Figures = end.value
            return found
        yield None


def _threshold(checkpoint: Checkpoint, name: str, mask: Mask | None, amount: Amount) -> Iterator[_Planned]:
    yield _Planned(threshold_of(DEFAULT_METHOD, amount, elements_of(checkpoint, name, mask)))


def _link(text: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "link")
    button.setToolTip(tip)
    button.clicked.connect(lambda: action())
    return button
