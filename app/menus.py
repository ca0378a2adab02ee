"""The menu bar: the commands in their order, the panels under View, the recent files under File,
the methods under Prune."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.actions import MENUS, Actions
from app.method_actions import MethodActions
from app.plain import menu_text
from app.recent import recent_files


def build_menus(
    bar: QMenuBar,
    actions: Actions,
    choices: MethodActions,
    panels: Iterable[QAction],
    opened: Callable[[Path], object],
) -> None:
    """Fill a menu bar; `panels` show and hide the panels, and `opened` takes the recent file that was chosen."""
    for title, commands in MENUS:
        menu = bar.addMenu(title)
        if title == "&View":
            menu.addActions(list(panels))
            menu.addSeparator()
        for command in commands:
            if command is None:
                menu.addSeparator()
            else:
                menu.addAction(actions[command.name])
        if title == "&Prune":
            for submenu in choices.menus(menu):
                menu.insertMenu(actions["part"], submenu)
        if title == "&File":
            menu.insertMenu(actions["reload"], _RecentMenu(opened, menu))
            menu.insertSeparator(actions["reload"])


class _RecentMenu(QMenu):
    """The files that were opened last, listed anew each time."""

    def __init__(self, opened: Callable[[Path], object], parent: QWidget) -> None:
        super().__init__("Open &recent", parent)
        self._opened = opened
        self.aboutToShow.connect(self._fill)

    def _fill(self) -> None:
        self.clear()
        for path in recent_files():
            self.addAction(menu_text(str(path))).triggered.connect(partial(self._chosen, path))
        if self.isEmpty():
            self.addAction("None yet").setEnabled(False)

    def _chosen(self, path: Path, *_: object) -> None:
        self._opened(path)
