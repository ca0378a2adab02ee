"""Apply recipe: what it matches in the open model and what not, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.jobs import Failure
from app.plain import clipped, plain_label, plain_tip
from app.recipe_rows import Column, RecipeRows
from app.rows_table import dress_rows
from app.session import Session
from app.style import icon
from app.theme import current
from pruner import Recipe, RecipeError
from pruner.recipes.matching import RecipeMatch
from pruner.recipes.problems import Problem

_SLOT = "recipe"
_NAMED = 3
_NAME_WIDTH = 60


@dataclass(frozen=True)
class _Found:
    """A recipe that was read and matched, or what is wrong with it."""

    match: RecipeMatch | None
    problems: tuple[Problem, ...]


class ApplyRecipeDialog(QDialog):
    """Reads and matches on the view lane, and runs all rounds as one job and one step."""

    def __init__(self, session: Session, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert session.checkpoint is not None
        self._session = session
        self._checkpoint = session.checkpoint
        self._path = path
        self._found: _Found | None = None
        self.setWindowTitle("Apply recipe")
        self.setObjectName("apply_recipe_dialog")
        self.resize(760, 480)
        self.rows = RecipeRows(self)
        self.table = QTableView(self)
        self.problems = QListWidget(self)
        self.what = plain_label(self)
        self.untouched = plain_label(self)
        self.afresh = QCheckBox("&Start from the file: what is pruned now goes (Undo brings it back)", self)
        self.run = QPushButton("&Run", self)
        self._build()
        self.finished.connect(lambda _result: session.view.drop(_SLOT))
        session.checkpoint_changed.connect(self.reject)
        self.read()

    def _build(self) -> None:
        self.what.setObjectName("recipe_what")
        self.what.setWordWrap(True)
        self.what.setText(f"Reading {self._path.name}…")
        self.table.setModel(self.rows)
        self.table.setObjectName("recipe_rows")
        self.table.setStyleSheet("QTableView::item { padding: 0 6px; }")
        header = dress_rows(self.table, "Patterns of the recipe and what they match")
        for column in Column:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.PATTERN, QHeaderView.ResizeMode.Stretch)
        self.problems.setObjectName("recipe_problems")
        self.problems.setAccessibleName("What is wrong")
        self.problems.setWordWrap(True)
        self.problems.hide()
        self.untouched.setObjectName("recipe_untouched")
        self.untouched.setWordWrap(True)
        self.untouched.setProperty("role", "muted")
        self.afresh.setObjectName("recipe_afresh")
        self.afresh.setChecked(True)
        self.afresh.setVisible(self._session.pruning is not None)
        self.run.setObjectName("recipe_run")
        self.run.setProperty("primary", True)
        self.run.setDefault(True)
        self.run.setEnabled(False)
        again = QPushButton(icon("reload"), "Read &again", self)
        again.setObjectName("recipe_again")
        again.setAutoDefault(False)
        again.setToolTip("After the file was changed in an editor")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        buttons.addButton(again, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.addButton(self.run, QDialogButtonBox.ButtonRole.AcceptRole)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.what)
        layout.addWidget(self.table, 3)
        layout.addWidget(self.problems, 2)
        layout.addWidget(self.untouched)
        layout.addWidget(self.afresh)
        layout.addWidget(buttons)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        again.clicked.connect(self.read)

    def read(self) -> None:
        """Read the file as it is now, and match it."""
        path, checkpoint = self._path, self._checkpoint

        def steps() -> Iterator[_Found]:
            try:
                match = Recipe.read(path).match(checkpoint)
            except RecipeError as error:
                yield _Found(None, error.problems)
            else:
                yield _Found(match, match.problems)

        self._session.view.request(_SLOT, steps(), self._show, self._failed, urgency=0)

    def _failed(self, failure: Failure) -> None:
        self._show(_Found(None, (Problem(failure.text),)))

    def _show(self, found: _Found) -> None:
        self._found = found
        match = found.match
        self.rows.show_match(match)
        self.table.setVisible(match is not None)
        self.problems.clear()
        sign = icon("warning", current().error)
        for one in found.problems:
            item = QListWidgetItem(sign, str(one)[0].upper() + str(one)[1:])
            item.setToolTip(plain_tip(str(one)))
            self.problems.addItem(item)
        self.problems.setVisible(bool(found.problems))
        name, model = self._path.name, self._checkpoint.path.name
        if found.problems:
            wrong = numbers.plural(len(found.problems), "thing is", "things are")
            self.what.setText(f"{name} cannot run on {model}: {wrong} wrong. Change the file, and read it again.")
        elif match is not None:
            self.what.setText(f"{name} on {model}: {numbers.plural(len(match.rounds), 'round')}.")
        self.untouched.setText(_untouched(match.untouched) if match is not None else "")
        self.untouched.setVisible(bool(self.untouched.text()))
        rounds = numbers.plural(len(match.plans), "round") if match is not None and not found.problems else ""
        self.run.setText(f"&Run {rounds}" if rounds else "&Run")
        self.run.setEnabled(bool(rounds))

    def accept(self) -> None:
        """Start the rounds and close."""
        if self.run.isEnabled() and self._found is not None and self._found.match is not None:
            afresh = self.afresh.isChecked()
            super().accept()
            self._session.run_plans(self._path.name, self._found.match.plans, afresh=afresh)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F5:
            self.read()
            return
        super().keyPressEvent(event)


def _untouched(names: tuple[str, ...]) -> str:
    """Which parameters no pattern takes."""
    if not names:
        return ""
    named = ", ".join(clipped(name, _NAME_WIDTH) for name in names[:_NAMED])
    more = f" and {numbers.count(len(names) - _NAMED)} more" if len(names) > _NAMED else ""
    return f"Left as they are, since no pattern takes them: {named}{more}."
