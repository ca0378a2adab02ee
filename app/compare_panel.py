"""The bottom panel that compares: a second checkpoint beside the document, tensor by tensor."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.compare_model import HEADERS, Column, CompareModel, CompareProxy
from app.compare_words import totals
from app.dropping import accept_files, dropped_file
from app.lazy import seen
from app.outlined_rows import outline_rows
from app.plain import plain_label, plain_tip
from app.root_row import RootRow
from app.rows_table import dress_rows, sort_by_heads
from app.session import Session
from app.timers import once

_WIDTHS = {
    Column.STATE: 128,
    Column.CHANGED: 88,
    Column.LARGEST: 88,
    Column.RELATIVE: 88,
    Column.COSINE: 84,
    Column.ZEROS_HERE: 92,
    Column.ZEROS_THERE: 96,
    Column.MASKS: 104,
}
_PADDED = "QHeaderView::section { padding-right: 18px; } QTableView::item { padding-right: 12px; }"
"""Room for the sign of the order beside the titles, and the numbers under their ends."""
_TYPING_MS, _LOOK_MS = 120, 10


class ComparePanel(QWidget):
    """Totals, a table that fills while it is seen, and what the document is compared as."""

    open_requested = Signal()
    """The user wants to choose a second file."""
    entered = Signal()
    """The user wants to see the chosen pair large."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._comparison = session, session.comparison
        self.model = CompareModel(self._comparison, self)
        self.proxy = CompareProxy(self.model, self)
        self.table = QTableView(self)
        self.said = plain_label(self)
        self.filter = QLineEdit(self)
        self.only_changed = QCheckBox("Only changed", self)
        self.compared_as = QComboBox(self)
        self.roots = RootRow(session, self, second=True)
        self._syncing = False
        self._pages = QStackedWidget(self)
        self._typing = once(self, _TYPING_MS, self._narrow)
        self._look = once(self, _LOOK_MS, self._comparison.resume)
        self._build()
        self._connect()
        self._show()

    # Building

    def _build(self) -> None:
        self.setObjectName("compare_panel")
        self.setAcceptDrops(True)
        self.setFocusProxy(self.table)
        self.setWhatsThis(
            "A second checkpoint beside the document: the same model before and after fine-tuning, pruned here and "
            "pruned elsewhere, or its running average. Names that differ by a prefix belong together. Choosing a row "
            "shows the tensor; the tab Compare in the middle has its pictures."
        )
        empty = QWidget(self)
        centre = QVBoxLayout(empty)
        self._hint = plain_label(empty)
        self._hint.setProperty("role", "muted")
        self.choose = QPushButton("Open second file…", empty)
        self.choose.setObjectName("open_second")
        centre.addStretch(1)
        centre.addWidget(self._hint, 0, Qt.AlignmentFlag.AlignHCenter)
        centre.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignHCenter)
        centre.addStretch(1)
        page = QWidget(self)
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 4)
        box.setSpacing(4)
        box.addLayout(self._build_top(page))
        self.said.setObjectName("compare_totals")
        self.said.setMinimumWidth(40)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line = QHBoxLayout()
        line.setSpacing(16)
        line.addWidget(self.said, 1)
        line.addWidget(self.roots)
        box.addLayout(line)
        box.addWidget(self.table, 1)
        self._pages.addWidget(empty)
        self._pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self._pages)
        self._build_table()

    def _build_top(self, page: QWidget) -> QHBoxLayout:
        self.filter.setObjectName("compare_filter")
        self.filter.setPlaceholderText("Filter by name or state…")
        self.filter.setAccessibleName("Filter the compared tensors")
        self.filter.setClearButtonEnabled(True)
        self.filter.setMinimumWidth(120)
        self.compared_as.addItems(["as pruned now", "as the file has it"])
        self.compared_as.setObjectName("compared_as")
        self.compared_as.setAccessibleName("Document")
        self.compared_as.setToolTip("What stands on the side of the document: with this session's pruning, or without")
        label = QLabel("Document", page)
        label.setBuddy(self.compared_as)
        self.another = QPushButton("Other file…", page)
        self.another.setToolTip("Compare with another checkpoint")
        self.close_second = QPushButton("Close", page)
        self.close_second.setObjectName("close_second")
        self.close_second.setToolTip("Put the second checkpoint away; the document stays")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.filter, 1)
        for widget in (self.only_changed, label, self.compared_as, self.another, self.close_second):
            row.addWidget(widget)
        return row

    def _build_table(self) -> None:
        table = self.table
        table.setModel(self.proxy)
        table.setObjectName("compared")
        table.setStyleSheet(_PADDED)
        outline_rows(table)
        header = dress_rows(table, "Compared tensors")
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, max(width, header.fontMetrics().horizontalAdvance(HEADERS[column][0]) + 36))
        sort_by_heads(table)

    def _connect(self) -> None:
        self.choose.clicked.connect(self.open_requested)
        self.another.clicked.connect(self.open_requested)
        self.close_second.clicked.connect(self._comparison.close)
        self.compared_as.currentIndexChanged.connect(lambda place: self._comparison.compare_as(place == 0))
        self.roots.chosen.connect(self._comparison.open_root)
        self.filter.textChanged.connect(self._typing.start)
        self.only_changed.toggled.connect(self._narrow)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self.table.activated.connect(lambda _: self.entered.emit())
        self._comparison.changed.connect(self._show)
        self._comparison.filled.connect(self._filled)
        self._session.checkpoint_changed.connect(self._show)
        self._session.selection_changed.connect(self._show_selection)

    # Showing

    def _show(self) -> None:
        has_document = self._session.checkpoint is not None
        self._hint.setText(
            "Open a second checkpoint beside this one, or drop one here."
            if has_document
            else "Open a checkpoint first; then a second one can be compared with it here."
        )
        self.choose.setEnabled(has_document)
        self._pages.setCurrentIndex(int(self._comparison.other is not None))
        self._tell()
        self._show_selection()
        self._go_on()

    def _filled(self, _places: list[int]) -> None:
        self._tell()
        self._go_on()

    def _go_on(self) -> None:
        """Read on while the table is seen."""
        if not seen(self):
            self._comparison.pause()
        elif not self._look.isActive():
            self._look.start()

    def _tell(self) -> None:
        text = totals(self._comparison)
        other = self._comparison.other
        if other is not None and not text:
            text = f"Matching the names of {other.path.name}…" if self._comparison.pairing is None else "No tensors."
        self.said.setText(text)
        self.said.setToolTip(plain_tip(f"{other.path}: {text}" if other is not None else ""))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Coming to the front of the tabs is told by this alone: numbers are read while the table is seen."""
        super().paintEvent(event)
        self._go_on()

    def _narrow(self) -> None:
        self.proxy.narrow(self.filter.text(), self.only_changed.isChecked())
        self._show_selection()

    # The selection

    def _chosen(self, now: QModelIndex) -> None:
        if self._syncing or not now.isValid():
            return
        side = self.model.row_at(self.proxy.mapToSource(now).row()).pair.a
        if side is not None:
            self._syncing = True
            self._session.select([side.name])
            self._syncing = False

    def _show_selection(self) -> None:
        if self._syncing:
            return
        place = self._comparison.current
        index = self.proxy.mapFromSource(self.model.index(place, 0)) if place is not None else QModelIndex()
        self._syncing = True
        if index.isValid():
            self.table.setCurrentIndex(index)
            self.table.scrollTo(index)
        else:
            self.table.clearSelection()
        self._syncing = False

    # Dropping

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._session.checkpoint is not None:
            accept_files(event)

    def dropEvent(self, event: QDropEvent) -> None:
        if (path := dropped_file(event)) is not None:
            self._comparison.open(path)
