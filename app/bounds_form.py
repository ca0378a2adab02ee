"""The floor and the ceiling of each tensor's sparsity, where all tensors are pruned together."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.option_field import OptionField
from app.session import Session
from pruner import Amount, PrunerError


class BoundsForm(QWidget):
    """Two shares; each `30%` or 30, or a ratio with a decimal point."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.floor = OptionField("floor", "Floor", "At least so much of each tensor is pruned in the end.", self)
        self.ceiling = OptionField("ceiling", "Ceiling", "At most so much of any tensor is pruned in the end.", self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 8, 0, 0)
        box.setSpacing(12)
        for field in (self.floor, self.ceiling):
            box.addWidget(field)
            field.committed.connect(lambda field=field: self._commit(field))
        session.method_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self.floor.show_value(str(Amount(self._session.choice.floor)))
        self.ceiling.show_value(str(Amount(self._session.choice.ceiling)))

    def _commit(self, field: OptionField) -> None:
        """Take both: they may be right together only, and a wrong one waits for the other."""
        try:
            floor = read_share(self.floor.line.text(), 0.0)
            ceiling = read_share(self.ceiling.line.text(), 1.0)
            if floor > ceiling:
                raise PrunerError("The floor is above the ceiling.")
            self._session.set_bounds(floor, ceiling)
        except PrunerError as error:
            field.refuse(str(error))
            return
        for one in (self.floor, self.ceiling):
            one.line.setModified(False)
        self._refresh()


def read_share(text: str, default: float) -> float:
    """A share that was typed, `default` where nothing was; raises `PrunerError`."""
    plain = text.strip()
    if not plain:
        return default
    amount = Amount.parse(f"{plain}%" if plain.isdigit() else plain)
    if not amount.is_ratio:
        raise PrunerError(f"“{text}” is no share: write 30% or 0.3.")
    return float(amount.value)
