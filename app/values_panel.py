"""The tab of all elements: a table, before and after, with ways to copy them, to save them and to get to one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.figure import Figure
from app.figure_table import Table
from app.goto_line import GotoLine
from app.jobs import Failure
from app.lazy import LazyPage
from app.plain import plain_label, plain_tip
from app.session import Session
from app.timers import once
from app.values_copy import Format, counted, require_copyable, text_of
from app.values_model import ROWS, Key, Page, Shown, ValuesModel, page_steps
from app.values_saving import SAVED, ask_where
from app.values_table import ValuesTable
from pruner import PrunerError
from pruner.page import Sheet, State

_SHOWN: tuple[tuple[Shown, str], ...] = (("both", "Before → after"), ("before", "Before"), ("after", "After"))
_COPIES: tuple[Format, ...] = ("text", "CSV", "Python")
_PAGES, _COPY = "values", "values-copy"


class ValuesPanel(LazyPage):
    """Nothing is read while it is not seen, and then only what is in sight."""

    failed = Signal(object)
    """A Failure: the numbers cannot be read."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._asked: frozenset[Key] = frozenset()
        self.model = ValuesModel(self)
        self.table = ValuesTable(self.model, self)
        self.shown = QComboBox(self)
        self.goto = GotoLine("Go to index…", self)
        self.copy, self.save = QToolButton(self), QToolButton(self)
        self.part = QSpinBox(self)
        self._said = plain_label(self)
        self._soon = once(self, 0, self._read)
        self._build()
        self.model.missing.connect(self._soon.start)
        self.table.pointed.connect(self._point)
        self.table.copy_asked.connect(self._copy_text)
        self.table.goto_asked.connect(self.goto.ask)
        self.table.customContextMenuRequested.connect(self._open_menu)
        for signal in (session.checkpoint_changed, session.selection_changed, session.pruning_changed):
            signal.connect(self._make_stale)

    def _build(self) -> None:
        self.setObjectName("values_panel")
        self.setWhatsThis(
            "All elements of the tensor; the heads of a row and a column together are an element's index. Pruned ones "
            "have → 0. Ctrl+C copies what is selected, G goes to an index."
        )
        for data, text in _SHOWN:
            self.shown.addItem(text, data)
        self.shown.setObjectName("values_shown")
        self.shown.setAccessibleName("Values before or after pruning")
        self.shown.setToolTip("Which values are shown, and copied: Before → after copies those after")
        self.shown.currentIndexChanged.connect(self._choose)
        self.goto.setObjectName("values_goto")
        self.goto.setAccessibleName("Go to index in the table")
        self.goto.chosen.connect(self._go_to)
        self._build_menus()
        self.part.setObjectName("values_part")
        self.part.setAccessibleName("Part of the rows")
        self.part.setToolTip(f"The table has {numbers.count(ROWS)} rows at a time; Up and Down turn to the next ones")
        self.part.setPrefix("Part ")
        self.part.valueChanged.connect(lambda value: self._turn(value - 1))
        self._said.setObjectName("values_status")
        self._said.setMinimumSize(40, 20)
        top, under = QHBoxLayout(), QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.shown)
        top.addWidget(self.goto)
        top.addStretch(1)
        top.addWidget(self.copy)
        top.addWidget(self.save)
        under.addWidget(self._said, 1)
        under.addWidget(self.part)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 0, 0)
        box.setSpacing(8)
        box.addLayout(top)
        box.addWidget(self.table, 1)
        box.addLayout(under)
        self.setFocusProxy(self.table)

    def _build_menus(self) -> None:
        copies, saves = QMenu(self), QMenu(self)
        for form in _COPIES:
            action = copies.addAction(f"Copy as {form}" + ("\tCtrl+C" if form == "text" else ""))
            action.triggered.connect(partial(self._copy, form))
        for state, what in SAVED.items():
            saves.addAction(f"Save {what} as .npy…").triggered.connect(partial(self._ask, state, False))
        saves.addSeparator()
        saves.addAction("Save selection as .npy…").triggered.connect(lambda: self._ask(self._state, True))
        for button, menu, text, tip in (
            (self.copy, copies, "Copy ▾", "Put the selected values on the clipboard"),
            (self.save, saves, "Save ▾", "Save the tensor, its mask or the selection for NumPy"),
        ):
            button.setText(text)
            button.setObjectName(f"values_{text.split()[0].lower()}")
            button.setAccessibleName(text.split()[0])
            button.setToolTip(tip)
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    # What is shown

    def _catch_up(self) -> None:
        checkpoint, name, pruning = self._session.checkpoint, self._session.current, self._session.pruning
        sheet = None
        if checkpoint is not None and name is not None and checkpoint[name].readable and checkpoint[name].numel:
            mask = pruning[name].mask if pruning is not None and name in pruning else None
            sheet = Sheet.of(checkpoint, name, mask)
        old = self.model.sheet
        if old is None or sheet is None or old.info is not sheet.info:
            self._session.view.drop(_PAGES)
            self._session.view.drop(_COPY)
            self._asked = frozenset()
            self.goto.forget()
        self.goto.shape = sheet.info.shape if sheet is not None else None
        self.model.show_sheet(sheet)
        self.table.fit_columns()
        self.part.setVisible(self.model.parts > 1)
        self.part.blockSignals(True)
        self.part.setRange(1, max(1, self.model.parts))
        self.part.setValue(1 + self.model.first // ROWS)
        self.part.setSuffix(f" of {self.model.parts}")
        self.part.blockSignals(False)
        self._point()

    def _choose(self) -> None:
        self.model.show_state(self.shown.currentData())
        self.table.fit_columns()
        self._point()

    def _turn(self, part: int) -> None:
        self.model.show_part(part)
        self.table.scrollToTop()
        self._point()

    def _read(self) -> None:
        """Ask for the pages in sight that are not there, unless they are on their way."""
        sheet = self.model.sheet
        if sheet is None or not self.isVisible():
            return
        keys = self.model.lacking(self.table.seen)
        if not keys or self._asked >= set(keys):
            return
        self._asked = frozenset(keys)
        wanted = [(key, self.model.area_of(key)) for key in keys]
        self._session.view.request(_PAGES, page_steps(sheet, wanted), self._take, self._failed, 0)

    def _take(self, page: Page) -> None:
        self._asked -= {page.key}
        self.model.take(page)
        self._point()

    def _failed(self, failure: Failure) -> None:
        self._asked = frozenset()
        self.failed.emit(failure)

    def _point(self) -> None:
        """Say what the current cell is, or how much is selected."""
        sheet, chosen, index = self.model.sheet, self.table.chosen, self.table.currentIndex()
        text = ""
        if sheet is not None and chosen is not None and chosen.rows * chosen.columns > 1:
            rows, columns = numbers.plural(chosen.rows, "row"), numbers.plural(chosen.columns, "column")
            text = f"{rows} × {columns} selected"
        elif sheet is not None and index.isValid():
            flat = sheet.grid.flat(self.model.first + index.row(), index.column())
            value = self.model.value(index.row(), index.column())
            text = self.model.describe(flat, value) if flat is not None and value is not None else ""
        self._said.setText(text)
        self._said.setToolTip(plain_tip(text))

    # Taking it away

    def figure(self) -> Figure | None:
        """The cells in sight as a table, under the title of who knows the tensor's name; None until they are read."""
        sheet, seen = self.model.sheet, self.table.seen
        if self._stale or sheet is None or self.model.lacking(seen) or not (seen.rows and seen.columns):
            return None
        columns = range(seen.left, seen.right)
        head = ("", *(sheet.grid.column_name(column) for column in columns))
        rows = tuple(
            (
                sheet.grid.row_name(self.model.first + row),
                *(str(self.model.data(self.model.index(row, column)) or "") for column in columns),
            )
            for row in range(seen.top, seen.bottom)
        )
        table = Table(head, rows)
        return Figure("Values", "", self.table.size().toSizeF(), table.body(), table.height, table.text)

    # Getting to an element

    def _go_to(self, flat: int) -> None:
        assert self.model.sheet is not None
        row, column = divmod(flat, self.model.sheet.grid.columns)
        self.part.setValue(1 + row // ROWS)
        self.table.go_to(row % ROWS, column)

    # Copying

    @property
    def _state(self) -> State:
        return "before" if self.model.shown == "before" else "after"

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for form in _COPIES:
            menu.addAction(f"Copy as {form}").triggered.connect(partial(self._copy, form))
        menu.addSeparator()
        menu.addAction("Save selection as .npy…").triggered.connect(lambda: self._ask(self._state, True))
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _copy_text(self) -> None:
        self._copy("text")

    def _copy(self, form: Format, _checked: bool = False) -> None:
        sheet, area, state = self.model.sheet, self.table.chosen, self._state
        if sheet is None or area is None:
            self._said.setText("Nothing is selected. Ctrl+A selects all.")
            return
        try:
            require_copyable(sheet, area, form)
        except PrunerError as error:
            self._session.tell("error", str(error))
            return

        def steps() -> Iterator[str | None]:
            yield (yield from text_of(sheet, area, state, form))

        when = f" {state} pruning" if sheet.mask is not None else ""
        self._said.setText("Copying…")
        self._session.view.request(
            _COPY, steps(), partial(self._put, f"{counted(sheet, area)}{when} copied as {form}."), self._failed, 1
        )

    def _put(self, told: str, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._said.setText(told)

    # Saving

    def _ask(self, state: State, selection: bool, _checked: bool = False) -> None:
        sheet, area = self.model.sheet, self.table.chosen if selection else None
        if sheet is None or (selection and area is None):
            self._said.setText("Nothing is selected. Ctrl+A selects all.")
            return
        ask_where(self._session, sheet, state, area, self)
