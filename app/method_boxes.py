"""Boxes that choose the method and the scope."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QWidget

from app.amount_text import SCOPES
from app.plain import plain_tip
from app.session import Session
from pruner.methods import Method, methods, scopes_of
from pruner.plan import DEFAULT_METHOD


def ordered_methods() -> list[type[Method]]:
    """All methods: the default first, the others by title."""
    return sorted(methods().values(), key=lambda one: (one.name != DEFAULT_METHOD.name, one.title))


class MethodBox(QComboBox):
    """All methods, with what each does as its tooltip."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("method")
        self.setAccessibleName("Method")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setWhatsThis("How the next round chooses what it prunes. The options of the method are at the right.")
        for kind in ordered_methods():
            self.addItem(kind.title, kind.name)
            self.setItemData(self.count() - 1, plain_tip(kind.about), Qt.ItemDataRole.ToolTipRole)
        self.activated.connect(lambda place: session.choose_method(self.itemData(place)))
        session.method_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        kind = self._session.choice.kind
        self.setCurrentIndex(self.findData(kind.name))
        self.setToolTip(plain_tip(kind.about))


class ScopeBox(QComboBox):
    """The scopes; where the method has only one, the box says why."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("scope")
        self.setAccessibleName("Scope")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setWhatsThis(
            "Whether an amount counts in each tensor by itself, or one amount over all tensors that take part: then "
            "the smallest of all are pruned, wherever they are."
        )
        for scope, (title, about) in SCOPES.items():
            self.addItem(title, scope)
            self.setItemData(self.count() - 1, plain_tip(about), Qt.ItemDataRole.ToolTipRole)
        self.activated.connect(lambda place: session.choose_scope(self.itemData(place)))
        session.method_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        choice = self._session.choice
        self.setCurrentIndex(self.findData(choice.scope))
        self.setEnabled(len(scopes_of(choice.kind)) > 1)
        tip = choice.why_one_scope or SCOPES[choice.scope][1]
        self.setToolTip(plain_tip(tip))
        self.setAccessibleDescription(tip)
