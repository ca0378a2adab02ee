"""The bottom panel about the file: what it is, what it holds beside the weights, and what its pickles would run."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.facts_view import FactsView
from app.globals_model import SORT_ROLE, Column, GlobalsModel
from app.plain import plain_label
from app.root_row import RootRow
from app.rows_table import dress_rows, sort_by_heads
from app.session import Session
from app.style import icon
from app.theme import current
from app.verdicts import has_dangerous, summary

_WIDTHS = {Column.NAME: 280, Column.USED: 72, Column.VERDICT: 120}
_SHARES = (440, 660)


class FilePanel(QWidget):
    """Facts on the left, the classes and functions that the file names on the right."""

    root_chosen = Signal(str)
    """The key path of the dictionary of weights that the user wants to see."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.roots = RootRow(session, self)
        self.roots.chosen.connect(self.root_chosen)
        self.facts = FactsView(self)
        self.model = GlobalsModel(self)
        self.table = GlobalsTable(self.model, self)
        self.summary = plain_label(self)
        self._sign = QLabel(self)
        self._pages = QStackedWidget(self)
        self._build()
        session.checkpoint_changed.connect(self._load)
        session.files.changed.connect(self._load_facts)
        self._load()

    def _build(self) -> None:
        self.setObjectName("file_panel")
        self.setFocusProxy(self.facts)
        self._sign.setAccessibleName("Warning")
        self.setWhatsThis(
            "The file: where and what it is, what stands in it beside the weights, and the classes and functions that "
            "loading it by pickle (as torch.load does with weights_only=False) would import or call. Secateur reads "
            "the file as data and runs none of them."
        )
        empty = QLabel("Open a checkpoint to see what is in its file beside the weights.", self)
        empty.setProperty("role", "muted")
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        halves = QSplitter(Qt.Orientation.Horizontal, self)
        halves.setChildrenCollapsible(False)
        halves.setHandleWidth(8)
        halves.addWidget(_column(self.roots, self.facts))
        halves.addWidget(self._build_globals())
        halves.setSizes(_SHARES)
        halves.setStretchFactor(1, 1)
        self._pages.addWidget(empty)
        self._pages.addWidget(halves)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self._pages)
        self.setTabOrder(self.roots.box, self.facts)
        self.setTabOrder(self.facts, self.table)

    def _build_globals(self) -> QWidget:
        title = QLabel("What loading it by pickle would run", self)
        title.setProperty("role", "title")
        title.setBuddy(self.table)
        self.summary.setObjectName("globals_summary")
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.summary, 1)
        column = _column(title, self.table)
        box = column.layout()
        assert isinstance(box, QVBoxLayout)
        box.insertLayout(1, line)
        box.addStretch(0)
        return column

    def _load(self) -> None:
        checkpoint = self._session.checkpoint
        self._pages.setCurrentIndex(0 if checkpoint is None else 1)
        self._load_facts()
        uses = checkpoint.globals if checkpoint is not None else ()
        self.model.set_uses(uses)
        self.summary.setText(summary(uses))
        self.table.setVisible(bool(uses))
        self._sign.setVisible(has_dangerous(checkpoint))
        self._dress()

    def _dress(self) -> None:
        self._sign.setPixmap(icon("warning", current().error).pixmap(16, 16))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_sign"):
            self._dress()

    def _load_facts(self) -> None:
        if self._session.checkpoint is not None:
            self.facts.show_facts(self._session.checkpoint, self._session.files.state)


class GlobalsTable(QTableView):
    """Sorts by a click on a header; Ctrl+C copies the chosen rows as text."""

    def __init__(self, model: GlobalsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = model
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(model)
        self.proxy.setSortRole(SORT_ROLE)
        self.setModel(self.proxy)
        self.setObjectName("globals")
        header = dress_rows(self, "Classes and functions that the file names")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        header.setStretchLastSection(True)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        sort_by_heads(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            return
        super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the chosen rows on the clipboard, as they stand, a line each."""
        chosen = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        lines = [self._rows.text_of(self.proxy.mapToSource(index).row()) for index in chosen]
        if lines:
            QGuiApplication.clipboard().setText("\n".join(lines))

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction("Copy")
        copy.setEnabled(self.selectionModel().hasSelection())
        copy.triggered.connect(self.copy)
        every = menu.addAction("Select all")
        every.triggered.connect(self.selectAll)
        menu.popup(self.viewport().mapToGlobal(place))


def _column(*widgets: QWidget) -> QWidget:
    """Widgets under one another; the last takes the room."""
    column = QWidget()
    box = QVBoxLayout(column)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(4)
    for widget in widgets:
        box.addWidget(widget)
    box.setStretchFactor(widgets[-1], 1)
    return column
