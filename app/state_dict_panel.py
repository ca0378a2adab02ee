"""The state_dict before and after, side by side, in torch's naming."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QModelIndex
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QRadioButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.jobs import Failure
from app.outlined_rows import outline_rows
from app.plain import plain_label
from app.rows_table import dress_rows
from app.session import Session
from app.state_dict_model import KeysModel, Sides, compare
from pruner.export import form_named, forms

_WIDTHS = {0: 22, 2: 110, 3: 76, 4: 130}


class StateDictPanel(QWidget):
    """Keys that pruning adds, removes or changes stand out; choosing one selects its tensor."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._sides = Sides((), ())
        self._syncing = False
        self.before, self.after = KeysModel(self), KeysModel(self)
        self.before_view = self._table(self.before, "Keys before")
        self.after_view = self._table(self.after, "Keys after")
        self._said = plain_label(self)
        self._said.setText("Open a checkpoint to see its keys before and after pruning.")
        self._said.setProperty("role", "muted")
        self.only_changes = QCheckBox("Only changes", self)
        self.only_changes.toggled.connect(self._fill)
        self._forms = QButtonGroup(self)
        self._build()
        session.checkpoint_changed.connect(self._load)
        session.pruning_changed.connect(self._load)
        session.selection_changed.connect(self._show_selection)

    def _build(self) -> None:
        self.setObjectName("state_dict_panel")
        self.setWhatsThis(
            "The keys of the state_dict as they are in the file (or after the doctor's repairs), and as the chosen "
            "form would save them. + is new, − is gone, ~ has other values."
        )
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._said, 1)
        top.addWidget(self.only_changes)
        top.addWidget(QLabel("Show", self))
        for place, name in enumerate(self._names):
            button = QRadioButton(f"{name} form", self)
            button.setObjectName(f"show_{name}")
            button.setChecked(name == "masked")
            self._forms.addButton(button, place)
            top.addWidget(button)
        self._forms.idToggled.connect(lambda _place, on: self._load() if on else None)
        tables = QHBoxLayout()
        tables.setSpacing(8)
        for title, view in (("Before", self.before_view), ("After", self.after_view)):
            column = QVBoxLayout()
            column.setSpacing(2)
            label = QLabel(title, self)
            label.setProperty("role", "title")
            column.addWidget(label)
            column.addWidget(view)
            tables.addLayout(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(tables, 1)

    def _table(self, model: KeysModel, name: str) -> QTableView:
        view = QTableView(self)
        view.setModel(model)
        outline_rows(view)
        header = dress_rows(view, name)
        header.setMinimumSectionSize(16)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        view.selectionModel().currentRowChanged.connect(lambda now, _: self._chosen(model, now))
        return view

    @property
    def _names(self) -> list[str]:
        """The forms that change the state_dict; the others add to it, or leave all of it out."""
        return sorted(name for name, form in forms().items() if not form.marks and not form.alone)

    @property
    def form(self) -> str:
        """The name of the form that is shown."""
        return self._names[self._forms.checkedId()]

    def _load(self) -> None:
        checkpoint, pruning, form = self._session.checkpoint, self._session.pruning, form_named(self.form)
        if checkpoint is None:
            return

        def steps() -> Iterator[Sides]:
            yield compare(checkpoint, pruning, form)

        self._session.view.request("state_dict", steps(), self._show, self._failed)

    def _show(self, sides: Sides) -> None:
        self._sides = sides
        self._fill()

    def _failed(self, failure: Failure) -> None:
        self._said.setText(failure.text)
        for model in (self.before, self.after):
            model.set_rows(())

    def _fill(self) -> None:
        changes = self.only_changes.isChecked()
        for model, rows in ((self.before, self._sides.before), (self.after, self._sides.after)):
            model.set_rows([row for row in rows if row.state != "same"] if changes else rows)
        self._said.setText(
            "" if self._session.pruning is not None else "Nothing is pruned yet; both sides are the same."
        )
        self._show_selection()

    def _chosen(self, model: KeysModel, now: QModelIndex) -> None:
        if not self._syncing and now.isValid():
            self._syncing = True
            self._session.select([model.row_at(now.row()).tensor])
            self._syncing = False
            self._show_in_other(model)

    def _show_selection(self) -> None:
        if not self._syncing:
            self._show_in_other(None)

    def _show_in_other(self, but: KeysModel | None) -> None:
        name = self._session.current
        self._syncing = True
        for model, view in ((self.before, self.before_view), (self.after, self.after_view)):
            place = model.place_of(name) if name is not None else None
            if model is but:
                continue
            if place is None:
                view.clearSelection()
            else:
                view.setCurrentIndex(model.index(place, 1))
                view.scrollTo(model.index(place, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
        self._syncing = False
