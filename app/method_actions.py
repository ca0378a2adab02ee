"""The methods and the scopes as commands, for the menu and the palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from app.actions import PALETTE_NAME
from app.amount_text import SCOPES
from app.method_boxes import ordered_methods
from app.session import Session
from pruner.methods import scopes_of


class MethodActions:
    """One action a method and one a scope; those that hold are checked, and those that cannot be are not offered."""

    def __init__(self, session: Session, window: QWidget) -> None:
        self._session = session
        self._methods, self._scopes = QActionGroup(window), QActionGroup(window)
        for kind in ordered_methods():
            run = partial(session.choose_method, kind.name)
            self._add(self._methods, "Method", kind.name, kind.title, kind.about, run)
        for scope, (title, about) in SCOPES.items():
            self._add(self._scopes, "Scope", scope, title, about, partial(session.choose_scope, scope))
        session.method_changed.connect(self._show)
        self._show()

    def _add(
        self, group: QActionGroup, what: str, name: str, title: str, about: str, run: Callable[[], object]
    ) -> None:
        action = QAction(title, group.parent())
        action.setObjectName(f"{what.lower()}_{name}")
        action.setCheckable(True)
        action.setData(name)
        action.setProperty(PALETTE_NAME, f"{what}: {title}")
        action.setToolTip(about)
        action.setStatusTip(about)
        action.triggered.connect(lambda _=False: run())
        group.addAction(action)

    def __iter__(self) -> Iterator[QAction]:
        yield from self._methods.actions()
        yield from self._scopes.actions()

    def menus(self, parent: QMenu) -> list[QMenu]:
        """A menu of the methods, and one of the scopes."""
        made = []
        for title, group in (("&Method", self._methods), ("&Scope", self._scopes)):
            menu = QMenu(title, parent)
            menu.setToolTipsVisible(True)
            menu.addActions(group.actions())
            made.append(menu)
        return made

    def _show(self) -> None:
        choice = self._session.choice
        for action in self._methods.actions():
            action.setChecked(action.data() == choice.kind.name)
        for action in self._scopes.actions():
            action.setChecked(action.data() == choice.scope)
            action.setEnabled(action.data() in scopes_of(choice.kind))
