"""Every command once: menu, toolbar, shortcut and palette take it from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.style import icon

PALETTE_NAME = "palette_name"
"""The property of an action whose text in the menu says too little where no menu is around it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a command is called, its keys (the first is shown), its icon and a sentence about it."""

    name: str
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""


MENUS: tuple[tuple[str, tuple[Command | None, ...]], ...] = (
    (
        "&File",
        (
            Command("open", "&Open…", ("Ctrl+O",), "open", "Open a checkpoint: a file, or any shard of a set"),
            Command(
                "open_folder",
                "Open &folder…",
                ("Ctrl+Shift+O",),
                "",
                "Open a folder of shards, or a distributed checkpoint",
            ),
            Command("open_demo", "Open the &bundled model", (), "", "A small network that reads handwritten digits"),
            Command("compare", "Compare &with…", ("Ctrl+D",), "", "Open a second checkpoint beside this one"),
            Command("reload", "&Reload", ("F5", "Ctrl+R"), "reload", "Open the file anew, as it is on disk now"),
            Command("show_file", "File &details", ("Ctrl+I",), "info", "Show what the file holds beside the weights"),
            Command("examine", "E&xamine", ("Ctrl+Shift+X",), "", "Look for what is wrong with the checkpoint"),
            None,
            Command("save", "&Save pruned…", ("Ctrl+S",), "save", "Save a pruned checkpoint to a new file"),
            Command("save_picture", "Save as &picture…", ("Ctrl+Shift+E",), "", "Save the view as PNG or SVG"),
            None,
            Command("apply_recipe", "&Apply recipe…", (), "", "Run the rounds of a recipe on the open model"),
            Command("save_recipe", "Save re&cipe…", (), "", "Save what was done, or is planned, to do it again"),
            Command("copy_python", "Copy as P&ython…", (), "code", "A script for plain torch that does the same"),
            Command("save_report", "Save repor&t…", (), "", "What was pruned, with figures and pictures, as a page"),
            None,
            Command("quit", "&Quit", ("Ctrl+Q",), "", "Close Secateur"),
        ),
    ),
    (
        "&Edit",
        (
            Command("undo", "&Undo", ("Ctrl+Z",), "undo", "Take the last step back"),
            Command("redo", "&Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Bring the last step back again"),
            Command(
                "copy_picture", "&Copy as picture", ("Ctrl+Shift+C",), "", "Put a picture of the view on the clipboard"
            ),
            None,
            Command("filter", "&Filter tensors", ("Ctrl+F",), "filter", "Show only some tensors in the tree"),
            Command("select_all", "Select all &parameters", (), "", "Select all floating-point parameters shown"),
        ),
    ),
    (
        "&View",
        (
            Command("theme_system", "Theme of the &system", (), "", "Light or dark, as the system is"),
            Command("theme_light", "&Light theme", (), "", "Dark text on light ground"),
            Command("theme_dark", "&Dark theme", (), "", "Light text on dark ground"),
            None,
            Command("reset_layout", "&Reset layout", (), "", "Put every panel back to where it is at first"),
        ),
    ),
    (
        "&Prune",
        (
            Command("prune", "&Prune", ("Ctrl+Return", "Ctrl+Enter"), "prune", "Run the planned round"),
            Command("cancel", "&Cancel the job", ("Esc",), "cancel", "Stop the job at hand; nothing changes"),
            None,
            Command(
                "part", "&Take part or hold out", ("Ctrl+T",), "", "For the selected tensors, where no amount is taken"
            ),
            Command("again", "Plan the last amounts &again", ("Ctrl+Shift+R",), "", "For one more round of the same"),
            Command("clear", "C&lear all amounts", (), "", "Take all planned amounts away"),
        ),
    ),
    (
        "&Help",
        (
            Command("help", "&What is this?", ("F1",), "help", "Help on what has the focus"),
            Command("palette", "&All commands…", ("Ctrl+P", "Ctrl+Shift+P"), "", "Find a command by its name"),
            None,
            Command("about", "About &Secateur", (), "", "Version and licence"),
        ),
    ),
)


class Actions:
    """The commands as actions of a window; `run` gives what each does."""

    def __init__(self, window: QWidget, run: dict[str, Callable[[], object]]) -> None:
        self._actions: dict[str, QAction] = {}
        for _, commands in MENUS:
            for command in commands:
                if command is not None:
                    self._add(window, command, run[command.name])

    def _add(self, window: QWidget, command: Command, run: Callable[[], object]) -> None:
        action = QAction(command.text, window)
        action.setObjectName(command.name)
        action.setShortcuts([QKeySequence(keys) for keys in command.keys])
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{command.tip} ({keys})" if keys else command.tip)
        action.setStatusTip(command.tip)
        action.triggered.connect(lambda _=False: run())
        window.addAction(action)
        self._actions[command.name] = action

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._actions.values())

    def dress(self) -> None:
        """Give the actions icons in the theme's ink."""
        for _, commands in MENUS:
            for command in commands:
                if command is not None and command.icon:
                    self[command.name].setIcon(icon(command.icon))
