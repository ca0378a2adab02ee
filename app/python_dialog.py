"""Copy as Python: a script for plain torch, and how the saved file loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QButtonGroup, QGridLayout, QRadioButton, QWidget

from app.code_dialog import CodeDialog
from app.plain import plain_label
from app.round_boxes import RoundBoxes
from app.session import Session
from pruner import Plan, open_checkpoint
from pruner.files import appearing
from pruner.python_out.calls import Style
from pruner.python_out.loading import loader
from pruner.python_out.script import GOALS, STYLES, Goal, script

_TITLES = {
    "module": "A live &module",
    "state_dict": "The &file's state_dict",
    "function": "F&unctions",
    "class": "C&lasses",
}
_LOAD = "load"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the text is made of, taken on the GUI thread for the lane that makes it."""

    plans: tuple[Plan, ...]
    known: bool
    style: Style
    goal: Goal | None


class PythonDialog(CodeDialog):
    """What the script prunes, and in which of torch's styles; `saved` is the file that was saved last, if any."""

    def __init__(self, session: Session, saved: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(session, parent, "Copy as Python", ".py", first="copy")
        self.setObjectName("python_dialog")
        self._saved = saved
        self._pruning = session.pruning
        self._goals, self._styles = QButtonGroup(self), QButtonGroup(self)
        self.rounds = RoundBoxes(session, self)
        self._build()
        self._wanted = self._chosen()
        for group in (self._goals, self._styles):
            group.buttonToggled.connect(lambda _button, on: self._choose() if on else None)
        self.rounds.changed.connect(self._choose)
        self._choose()

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for name, about in GOALS.items():
            self._add(grid, self._goals, name, _TITLES[name], f"{about}.")
        load = f"How {self._saved.name} goes into a model." if self._saved else "Save first: then it tells how to load."
        self._add(grid, self._goals, _LOAD, "Loa&ding what was saved", load).setEnabled(self._saved is not None)
        grid.setRowMinimumHeight(grid.rowCount(), 8)
        for style, about in STYLES.items():
            self._add(grid, self._styles, style, _TITLES[style], f"{about}.")
        self.top.addLayout(grid)
        self.top.addSpacing(8)
        self.top.addWidget(self.rounds)
        self._goals.buttons()[0].setChecked(True)
        self._styles.buttons()[0].setChecked(True)

    def _add(self, grid: QGridLayout, group: QButtonGroup, name: str, title: str, about: str) -> QRadioButton:
        button = QRadioButton(title, self)
        button.setObjectName(f"python_{name}")
        button.setAccessibleDescription(about)
        note = plain_label(self)
        note.setText(about)
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        group.addButton(button)
        row = grid.rowCount()
        grid.addWidget(button, row, 0)
        grid.addWidget(note, row, 1)
        return button

    def _chosen(self) -> _Wanted:
        goals: dict[str, Goal | None] = {"module": "module", "state_dict": "state_dict", _LOAD: None}
        style: Style = "class" if self._name_of(self._styles) == "class" else "function"
        return _Wanted(self.rounds.plans, self.rounds.begins_with_done, style, goals[self._name_of(self._goals)])

    def _name_of(self, group: QButtonGroup) -> str:
        button = group.checkedButton()
        assert button is not None, "one of each group is checked"
        return button.objectName().removeprefix("python_")

    def _choose(self) -> None:
        self._wanted = self._chosen()
        for widget in (*self._styles.buttons(), self.rounds):
            widget.setEnabled(self._wanted.goal is not None)
        self.refresh()

    def _make(self) -> str:
        wanted = self._wanted
        if wanted.goal is None:
            assert self._saved is not None
            return loader(open_checkpoint(self._saved))
        pruning = self._pruning if wanted.known else None
        return script(self._checkpoint, wanted.plans, pruning, style=wanted.style, goal=wanted.goal)

    def _write(self, path: Path) -> None:
        text = self._make()
        with appearing(path) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")
