"""The centre: the selected tensor, large, as a map, a histogram, figures and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.channels_panel import ChannelsPanel
from app.figure import Figure, HasFigure
from app.figure_menu import PictureButton
from app.figures_view import FiguresView
from app.histogram_panel import Histograms
from app.jobs import Failure
from app.map_view import MapView
from app.plain import plain_label, plain_tip
from app.session import Session
from app.tensor_requests import Cut, find_cut, known_cut, summaries
from app.timers import once
from app.values_panel import ValuesPanel
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
        self._fresh: set[HasFigure] = set()
        """The views that show the tensor as it is now."""
        self.map = MapView(session.view, self)
        self.histograms = Histograms(session, self)
        self.strip, self.histogram = self.histograms.views
        self.channels = ChannelsPanel(session, self)
        self.figures = FiguresView(self)
        self.values = ValuesPanel(session, self)
        self._title, self._facts, self._notes = plain_label(self), plain_label(self), plain_label(self)
        self._empty = plain_label(self)
        self._under = plain_label(self)
        self._cut = self.histograms.captions
        self._busy = once(self, _BUSY_MS, self._show_busy)
        self._build()
        self.map.pointed.connect(self._under.setText)
        self.map.failed.connect(self._failed)
        self.values.failed.connect(self._failed)
        self.channels.channel_chosen.connect(self._show_on_map)
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
        pages: tuple[tuple[str, QWidget, HasFigure], ...] = (
            ("Map", self._build_map(), self.map),
            ("Histogram", self.histograms.build_page(self), self.histogram),
            ("Channels", self.channels, self.channels),
            ("Figures", self.figures, self.figures),
            ("Values", self.values, self.values),
        )
        self._views: dict[QWidget, HasFigure] = {}
        for title, page, view in pages:
            self.tabs.addTab(page, title)
            self._views[page] = view
        self._picture = PictureButton(self._session, self.figure, self)
        self.tabs.setCornerWidget(self._picture)
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

    def join(self, title: str, view: QWidget, shown: bool) -> None:
        """Show a further view of the tensor in a tab, which comes to the front, or take it away again."""
        place = self.tabs.indexOf(view)
        if not shown:
            self.tabs.removeTab(place)
        elif place < 0:
            self.tabs.setCurrentIndex(self.tabs.addTab(view, title))
        if isinstance(view, HasFigure):
            self._views[view] = view

    # Taking it away

    def figure(self) -> Figure | None:
        """The view in front (the histogram under the map where that has the focus), named by its tensor."""
        checkpoint, name = self._session.checkpoint, self._session.current
        if checkpoint is None or name is None or self._shown != name:
            return None
        view = self.strip if self.strip.hasFocus() else self._views.get(self.tabs.currentWidget())
        filled = (self.map, *self.histograms.views, self.figures)  # the others know themselves what they show
        figure = view.figure() if view is not None and (view in self._fresh or view not in filled) else None
        if figure is None:
            return None
        title = f"{figure.title} of {name} · {checkpoint.path.name}"
        rest = (figure.subtitle,) if figure.subtitle else self._sparsity(name)
        return replace(figure, title=title, subtitle=" · ".join([*self._what(checkpoint[name]), *rest]))

    def _sparsity(self, name: str) -> Iterator[str]:
        outlook = self._session.next_round.outlook(name)
        if outlook is not None:
            yield f"sparsity {numbers.percent(outlook.now / max(1, outlook.numel))}"

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self._picture.popup(event.globalPos())

    # Loading, on the view lane

    def _load(self) -> None:
        self.histograms.forget()
        self._fresh.clear()
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
            self._fresh.add(self.map)
            self._pages.setCurrentWidget(self.tabs)
        elif isinstance(part, Histogram):
            self.histograms.show_histogram(part)
            self._fresh.update(self.histograms.views)
        elif isinstance(part, Curve):
            self.histograms.show_curve(part)
        elif isinstance(part, Cut):
            self.histograms.show_cut(part)
        else:
            self.figures.show_figures(*part)
            self._fresh.add(self.figures)

    def _failed(self, failure: Failure) -> None:
        self._say(failure.text)
        self._session.take_unread(failure)

    def _show_on_map(self, flat: int) -> None:
        self.tabs.setCurrentIndex(0)
        if self._session.current is not None:
            self.map.go_to(self._session.current, flat)

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
            *self._what(info),
            numbers.size(info.nbytes),
        ]
        self._title.setText(info.name)
        self._title.setToolTip(plain_tip(info.name))
        self._facts.setText(" · ".join(facts))
        self._notes.setText(" ".join(self._remarks(info)))
        self._notes.setVisible(bool(self._notes.text()))

    def _what(self, info: TensorInfo) -> tuple[str, ...]:
        return numbers.shape(info.shape), info.dtype, numbers.plural(info.numel, "element")

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
