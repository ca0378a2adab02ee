"""The centre: the selected tensor, large, as a map, a histogram and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.figures_view import FiguresView
from app.histogram_panel import Histograms
from app.jobs import Failure
from app.map_view import MapView
from app.plain import plain_label, plain_tip
from app.session import Session
from app.tensor_requests import Cut, find_cut, known_cut, summaries
from pruner import TensorInfo
from pruner.curves import Curve
from pruner.picture import Picture
from pruner.reading import why_unreadable
from pruner.summaries import Figures, Histogram

_BUSY_MS = 300


class TensorPanel(QWidget):
    """What the selected tensor is, and what pruning does to it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._shown: str | None = None
        self.map = MapView(session.view, self)
        self.histograms = Histograms(session, self)
        self.strip, self.histogram = self.histograms.views
        self.figures = FiguresView(self)
        self._title, self._facts, self._notes = plain_label(self), plain_label(self), plain_label(self)
        self._empty = plain_label(self)
        self._under = plain_label(self)
        self._cut = self.histograms.captions
        self._busy = QTimer(self)
        self._busy.setSingleShot(True)
        self._busy.setInterval(_BUSY_MS)
        self._busy.timeout.connect(self._show_busy)
        self._build()
        self.map.pointed.connect(self._under.setText)
        self.map.failed.connect(self._failed)
        session.selection_changed.connect(self._load)
        session.pruning_changed.connect(self._load)
        session.amounts_changed.connect(self._load_threshold)
        session.method_changed.connect(self._load_threshold)
        session.counts_changed.connect(self.histograms.refresh)
        self._load()

    # Building

    def _build(self) -> None:
        self.setObjectName("tensor_panel")
        self.setWhatsThis(
            "The selected tensor. Map: its values, its mask and what is left, with the wheel to zoom and the mouse to "
            "pan. Histogram: how many elements have which magnitude, and what is pruned up to the line, where a single "
            "magnitude cuts. Drag the line, move it with the arrow keys, or double-click where it is to be."
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
        self.tabs.addTab(self.histograms.build_page(self), "Histogram")
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

    # Loading, on the view lane

    def _load(self) -> None:
        self.histograms.forget()
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
        self._session.view.request(
            "tensor", summaries(checkpoint, name, mask, *self.map.wanted(info.shape)), self._show, self._failed
        )
        self._load_threshold()

    def _load_threshold(self) -> None:
        planned, name = self._session.next_round, self._session.current
        known = known_cut(planned, name) if name is not None else Cut(None)
        if known is not None:
            self._session.view.drop("threshold")
            self._show(known)
        elif name is not None:
            self.histograms.show_cut(None)
            self._session.view.request("threshold", find_cut(planned, name), self._show, self._failed, 0)

    # Showing, on the GUI thread

    def _show(self, part: Picture | Histogram | Curve | tuple[Figures, Figures] | Cut) -> None:
        if isinstance(part, Picture):
            self._busy.stop()
            self.map.set_dimmed(False)
            self.map.show_picture(part, keep_view=self._shown == self._session.current)
            self._shown = self._session.current
            self._pages.setCurrentWidget(self.tabs)
        elif isinstance(part, Histogram):
            self.histograms.show_histogram(part)
        elif isinstance(part, Curve):
            self.histograms.show_curve(part)
        elif isinstance(part, Cut):
            self.histograms.show_cut(part)
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


def _link(text: str, tip: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("role", "link")
    button.setToolTip(tip)
    button.clicked.connect(lambda: action())
    return button
