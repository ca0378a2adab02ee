"""Save recipe: what it would say, and of which rounds."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.code_dialog import CodeDialog
from app.plain import plain_label
from app.round_boxes import RoundBoxes
from app.session import Session
from pruner import Recipe


class SaveRecipeDialog(CodeDialog):
    """Shows the recipe's text as it would be saved."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent, "Save recipe", ".toml", first="save")
        self.setObjectName("save_recipe_dialog")
        self.rounds = RoundBoxes(session, self)
        about = plain_label(self)
        about.setWordWrap(True)
        about.setProperty("role", "muted")
        about.setText(
            "A recipe does the same again, to this model or to another with the same naming, here, in Python or by "
            "secateur prune --recipe."
        )
        self.top.addWidget(about)
        self.top.addWidget(self.rounds)
        self._pruning = session.pruning
        self._plans, self._known = self.rounds.plans, self.rounds.begins_with_done
        self.rounds.changed.connect(self._rounds_chosen)
        self.refresh()

    def _rounds_chosen(self) -> None:
        self._plans, self._known = self.rounds.plans, self.rounds.begins_with_done
        self.refresh()

    def _recipe(self) -> Recipe:
        return Recipe.of(self._checkpoint, self._plans, self._pruning if self._known else None)

    def _make(self) -> str:
        return self._recipe().text(self._checkpoint.path.absolute().parent)

    def _write(self, path: Path) -> None:
        self._recipe().write(path)
