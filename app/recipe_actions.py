"""What the commands about recipes and Python do: they open dialogs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from app.actions import Actions
from app.round_boxes import planned_of, plans_of
from app.session import Session
from pruner import Saved

ENDING = ".toml"


class RecipeActions(QObject):
    """Recipes are applied, saved, and written as Python, where there is something to do it with."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._saved: Path | None = None
        session.saved.connect(self._keep_saved)
        session.checkpoint_changed.connect(self._forget_saved)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What each command does, by its name."""
        return {"apply_recipe": self.choose, "save_recipe": self.save, "copy_python": self.copy_python}

    def offer(self, actions: Actions) -> None:
        """Offer those that can run, from now on."""
        session = self._session
        refresh = partial(self._refresh, actions)
        for signal in (session.checkpoint_changed, session.amounts_changed, session.pruning_changed):
            signal.connect(refresh)
        for signal in (session.method_changed, session.counts_changed, session.work.started, session.work.ended):
            signal.connect(refresh)
        refresh()

    def _refresh(self, actions: Actions, *_: object) -> None:
        there = bool(plans_of(self._session) or planned_of(self._session))
        actions["apply_recipe"].setEnabled(self._session.checkpoint is not None and not self._session.work.busy)
        for name in ("save_recipe", "copy_python"):
            actions[name].setEnabled(there)

    def choose(self) -> None:
        """Let the user choose a recipe to apply."""
        checkpoint = self._session.checkpoint
        if checkpoint is None:
            return
        dialog = QFileDialog(self._window, "Apply a recipe", str(checkpoint.path.parent))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"Recipes (*{ENDING})", "All files (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.apply(Path(chosen)))
        dialog.open()

    def apply(self, path: Path) -> None:
        """Show what a recipe matches, to run it then."""
        if self._session.checkpoint is None:
            self._session.tell("warning", f"{path.name} is a recipe: open the model that it is for first.")
        elif self._session.work.busy:
            self._session.tell(
                "warning", f"{path.name} is not applied while a job runs: wait for it, or cancel it (Esc)."
            )
        elif not self._session.files.refuse("No recipe was applied."):
            from app.apply_recipe_dialog import ApplyRecipeDialog

            self._open(ApplyRecipeDialog(self._session, path, self._window))

    def save(self) -> None:
        """Open the dialog that saves a recipe."""
        from app.save_recipe_dialog import SaveRecipeDialog

        self._open(SaveRecipeDialog(self._session, self._window))

    def copy_python(self) -> None:
        """Open the dialog that writes Python."""
        from app.python_dialog import PythonDialog

        self._open(PythonDialog(self._session, self._saved, self._window))

    def _open(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _keep_saved(self, saved: Saved) -> None:
        self._saved = saved.path

    def _forget_saved(self) -> None:
        self._saved = None
