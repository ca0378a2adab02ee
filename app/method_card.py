"""The chosen method: what it does, and its options."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.bounds_form import BoundsForm
from app.card import Card
from app.option_field import OptionField
from app.session import Session
from pruner import PrunerError
from pruner.methods import Method, Option, options_of


class MethodCard(Card):
    """The method's title, what it does in words, and a field for each of its options."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Method", parent)
        self._session = session
        self._kind: type[Method] | None = None
        self._fields: dict[str, OptionField] = {}
        self.setWhatsThis(
            "How the next round chooses what it prunes, and what there is to choose about that. Another method is "
            "chosen in the toolbar, or in the menu Prune."
        )
        self.box.setSpacing(4)
        self.title = QLabel(self)
        self.title.setObjectName("method_title")
        self.heading.addWidget(self.title)
        self.about = self.add_label("", "muted")
        self._options = QWidget(self)
        self._column = QVBoxLayout(self._options)
        self._column.setContentsMargins(0, 8, 0, 0)
        self._column.setSpacing(12)
        self.bounds = BoundsForm(session, self)
        self.box.addWidget(self._options)
        self.box.addWidget(self.bounds)
        session.method_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        choice = self._session.choice
        self.title.setText(choice.kind.title)
        self.about.setText(choice.kind.about)
        if choice.kind is not self._kind:
            self._rebuild(choice.kind)
        for one in options_of(choice.kind):
            value = getattr(choice.method, one.name) if choice.method is not None else one.default
            self._fields[one.name].show_value(_text(value))
        self.bounds.setVisible(choice.together)

    def _rebuild(self, kind: type[Method]) -> None:
        """Have the fields of another method."""
        self._kind = kind
        for field in self._fields.values():
            field.blockSignals(True)  # losing the focus must not commit to another method
            self._column.removeWidget(field)
            field.hide()
            field.deleteLater()
        self._fields = {one.name: self._field(one) for one in options_of(kind)}
        for field in self._fields.values():
            self._column.addWidget(field)
        self._options.setVisible(bool(self._fields))

    def _field(self, option: Option) -> OptionField:
        field = OptionField(
            option.name,
            option.title,
            option.about,
            self._options,
            steps=option.type is int,
            file=option.type is str,
        )
        if option.default is None:
            field.line.setPlaceholderText("path of a file" if option.type is str else "to be given")
        else:
            field.line.setPlaceholderText(_text(option.default))
        field.committed.connect(lambda: self._commit(field))
        return field

    def _commit(self, field: OptionField) -> None:
        """Take what all fields hold: options may be right together only, and a wrong one waits for the others."""
        texts = {name: one.line.text().strip() for name, one in self._fields.items()}
        try:
            self._session.set_options({name: text for name, text in texts.items() if text})
        except PrunerError as error:
            field.refuse(str(error))
            return
        made: Any = self._session.choice.method
        for name, one in self._fields.items():
            one.take(_text(getattr(made, name)))


def _text(value: object) -> str:
    """An option's value as it can be typed again."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
