"""The selected tensor by its channels, or attention heads: how sparse and how large each one is, and which are dead."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app import numbers
from app.channel_choices import ChannelChoices
from app.channel_listing import Listing, Wanted, listing
from app.channel_ways import ways_of
from app.channels_chart import ChannelsChart
from app.channels_figure import channels_body
from app.channels_model import KEYS, ChannelsModel
from app.channels_table import ChannelsTable
from app.figure import Figure
from app.jobs import Failure
from app.lazy import LazyPage
from app.plain import plain_label
from app.session import Session
from app.timers import once
from pruner import TensorInfo
from pruner.reading import why_unreadable

_SLOT = "channel_figures"
_BUSY_MS = 300


class ChannelsPanel(LazyPage):
    """Bars and a table of the channels along a dimension; it reads numbers only while it is seen."""

    channel_chosen = Signal(int)
    """The flat index of the first element of a channel that is to be shown."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._found: Listing | None = None
        self.choices = ChannelChoices(self)
        self.only_dead = QCheckBox("Only dead", self)
        self.chart = ChannelsChart(self)
        self.model = ChannelsModel(self)
        self.table = ChannelsTable(self.model, self)
        self.show_on_map = QPushButton("Show on map", self)
        self._dead, self._told, self._sentence = plain_label(self), plain_label(self), plain_label(self)
        self._pages = QStackedWidget(self)
        self._busy = once(self, _BUSY_MS, self._show_busy)
        self._build()
        self._connect()

    def figure(self) -> Figure | None:
        """The bars, under the title of who knows the tensor's name; None while they are those of before."""
        found = self._found
        if self._stale or found is None or found.wanted.name != self._session.current or not len(found.places):
            return None
        return Figure(found.wanted.way.title, "", self.chart.size().toSizeF(), channels_body(found))

    # Building

    def _build(self) -> None:
        self.setObjectName("channels")
        self.setWhatsThis(
            "The selected tensor by its channels: how many elements of each are zero or pruned, and its norms before "
            "and after. A channel is dead where everything in it is. Click tells of one, double click or Enter shows "
            "it on the map; a click on a column's head sorts by it."
        )
        self.only_dead.setObjectName("only_dead")
        self.only_dead.setToolTip("List only channels in which everything is zero or pruned")
        self.show_on_map.setProperty("role", "link")
        self.show_on_map.setObjectName("show_on_map")
        self.show_on_map.setToolTip("Mark the channel's first element on the map (Enter)")
        self._dead.setObjectName("dead")
        self._dead.setMinimumWidth(40)
        self._told.setObjectName("channel_figures")
        self._told.setProperty("role", "muted")
        self._told.setMinimumWidth(40)
        self._sentence.setProperty("role", "muted")
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setWordWrap(True)
        self._pages.addWidget(self._sentence)
        self._pages.addWidget(self._build_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.choices)
        layout.addWidget(self._pages, 1)
        self.setFocusProxy(self.table)

    def _build_page(self) -> QWidget:
        page = QWidget(self)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        for widgets in (
            ((self._dead, 1), (self.only_dead, 0)),
            ((self.chart, 0),),
            ((self._told, 1), (self.show_on_map, 0)),
        ):
            row = QHBoxLayout()
            row.setSpacing(8)
            for widget, stretch in widgets:
                row.addWidget(widget, stretch)
            box.addLayout(row, 2 if self.chart is widgets[0][0] else 0)
        box.addWidget(self.table, 3)
        return page

    def _connect(self) -> None:
        for signal in (
            self._session.checkpoint_changed,
            self._session.selection_changed,
            self._session.pruning_changed,
            self.choices.changed,
            self.only_dead.toggled,
        ):
            signal.connect(self._make_stale)
        self.table.horizontalHeader().sectionClicked.connect(self._sort_by)
        self.table.row_chosen.connect(self._choose)
        self.table.entered_row.connect(self._enter)
        self.chart.chosen.connect(self.table.choose)
        self.chart.entered.connect(self._enter)
        self.chart.pointed.connect(self._tell)
        self.show_on_map.clicked.connect(self._enter_current)

    # What is wanted

    def _catch_up(self) -> None:
        checkpoint, name = self._session.checkpoint, self._session.current
        if checkpoint is None or name is None:
            self._say_none("Select a tensor in the tree.")
            return
        info = checkpoint[name]
        if why := _why_none(info):
            self._say_none(why)
            return
        kinds = {module.name: module.type for module in checkpoint.modules}
        self.choices.show()
        self.choices.offer(ways_of(name, info.shape, kinds.get(info.module)))
        way, heads, order = self.choices.way, self.choices.heads, self.choices.order
        pruning = self._session.pruning
        mask = pruning[name].mask if pruning is not None and name in pruning else None
        wanted = Wanted(checkpoint, name, mask, way, heads, order, self.only_dead.isChecked())
        if not self._busy.isActive():
            self._busy.start()
        self._session.view.request(_SLOT, listing(wanted, self._found), self._show, self._failed)

    # Showing

    def _show(self, found: Listing) -> None:
        self._busy.stop()
        place = self._chosen_place(found)
        self._found = found
        self.model.show_listing(found)
        self.chart.show_listing(found)
        self._write_dead(found)
        self._tell(-1)
        self._pages.setCurrentIndex(1)
        row = found.row_of(place) if place is not None else None
        if row is not None:
            self.table.choose(row)

    def _chosen_place(self, found: Listing) -> int | None:
        """The chosen channel, if what is found has the same channels as what was shown."""
        before, row = self._found, self.table.row
        if before is None or not 0 <= row < len(before.places):
            return None
        one, other = before.wanted, found.wanted
        same = (one.name, one.way.key, before.figures.count) == (other.name, other.way.key, found.figures.count)
        return int(before.places[row]) if same else None

    def _write_dead(self, found: Listing) -> None:
        way, count = found.wanted.way, found.figures.count
        of = f"of {numbers.count(count)} {way.many if count > 1 else way.one}"
        dead = "is dead" if found.dead == 1 else "are dead"
        none = f"None {of} is dead." if count > 1 else f"The only {way.one} is not dead."
        self._dead.setText(f"{numbers.count(found.dead)} {of} {dead}: all zero or pruned" if found.dead else none)

    def _tell(self, row: int) -> None:
        """Tell of the channel in a row, or of the chosen one."""
        chosen = self.table.row
        self.show_on_map.setEnabled(chosen >= 0)
        row = row if row >= 0 else chosen
        listed = len(self._found.places) if self._found is not None else 0
        known = self._found is not None and 0 <= row < listed
        text = self._found.describe(row) if self._found is not None and known else ""
        if listed and not known:
            text = "Click a bar or a row for its figures."
        self._told.setText(text)
        self.chart.setAccessibleDescription(text)

    def _say_none(self, why: str) -> None:
        """Show why there is nothing to go over."""
        self._session.view.drop(_SLOT)
        self.choices.hide()
        self._say(why)

    def _say(self, sentence: str) -> None:
        """Show a sentence in place of channels."""
        self._busy.stop()
        self._found = None
        self.model.show_listing(None)
        self.chart.show_listing(None)
        self._sentence.setText(sentence)
        self._pages.setCurrentIndex(0)

    def _show_busy(self) -> None:
        self.chart.set_dimmed(True)
        for label in (self._dead, self._sentence):
            label.setText("Reading…")

    def _failed(self, failure: Failure) -> None:
        self._say(failure.text)
        self._session.take_unread(failure)

    # What the user does

    def _sort_by(self, column: int) -> None:
        if (key := KEYS[column]) is not None:
            self.choices.sort_by(key)

    def _choose(self, row: int) -> None:
        self.chart.set_chosen(row)
        self._tell(-1)

    def _enter_current(self) -> None:
        self._enter(self.table.row)

    def _enter(self, row: int) -> None:
        """Ask for a channel to be shown, unless another tensor's are on their way."""
        if self._found is not None and row >= 0 and self._found.wanted.name == self._session.current:
            self.channel_chosen.emit(self._found.first_element(row))


def _why_none(info: TensorInfo) -> str:
    """Why a tensor has no channels to list, in a sentence; empty where it has."""
    if not info.shape:
        return "A single number has no channels."
    if not info.numel:
        return "The tensor has no elements."
    return "" if info.readable else why_unreadable(info)
