"""The amount of the selected tensors, typed or dragged."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSlider,
    QWidget,
)

from app import numbers
from app.card import Card
from app.plain import menu_text
from app.session import Session
from app.tree_delegates import mark, show_refusal
from app.tree_model import read_amount
from pruner import Amount, PrunerError
from pruner.similar import groups_of

_STEPS = 1000
_RATIO, _COUNT = 0, 1


class AmountCard(Card):
    """A ratio or a count for the selected tensors, typed or dragged, and how many elements that is."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Amount", parent)
        self._session = session
        self.edit = QLineEdit(self)
        self.unit = QComboBox(self)
        self.equals = QLabel(self)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self._build()
        self.where = self.add_label("", "muted")
        self.after = self.add_label("", "plain")
        self.similar = QPushButton("Apply to similar…", self)
        self.similar.setToolTip("Give this amount to all tensors of a kind")
        self.clear = QPushButton("Clear", self)
        self.clear.setToolTip("Take the planned amount of the selected tensors away")
        buttons = QHBoxLayout()
        buttons.addWidget(self.similar)
        buttons.addWidget(self.clear)
        buttons.addStretch(1)
        self.box.addLayout(buttons)
        self.similar.clicked.connect(self._show_similar)
        self.clear.clicked.connect(self._clear)
        for signal in (session.selection_changed, session.amounts_changed, session.pruning_changed):
            signal.connect(self._refresh)
        session.checkpoint_changed.connect(self._refresh)
        self._refresh()

    def _build(self) -> None:
        self.setWhatsThis(
            "How much the next round prunes of the selected tensors: 30% or 0.3 is a ratio of what earlier rounds "
            "left, 1000 is a count. Note that 1 is one element and 1.0 is all of them."
        )
        self.edit.setObjectName("amount")
        self.edit.setAccessibleName("Amount")
        self.edit.setPlaceholderText("30% or 1000")
        self.edit.textEdited.connect(lambda: mark(self.edit, wrong=False))
        self.edit.returnPressed.connect(self._commit)
        self.edit.editingFinished.connect(self._left)
        self.unit.addItems(["ratio", "count"])
        self.unit.setAccessibleName("Ratio or count")
        self.unit.activated.connect(self._convert)
        self.equals.setMinimumWidth(84)
        self.equals.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.slider.setRange(0, _STEPS)
        self.slider.setPageStep(50)
        self.slider.setSingleStep(10)
        self.slider.setAccessibleName("Share to prune")
        self.slider.valueChanged.connect(self._slid)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.edit, 1)
        row.addWidget(self.unit)
        self.box.addLayout(row)
        self.box.addWidget(self.equals)
        self.box.addWidget(self.slider)

    @property
    def _names(self) -> list[str]:
        """The selected tensors that can be pruned."""
        checkpoint = self._session.checkpoint
        if checkpoint is None:
            return []
        return [name for name in self._session.selected if self._session.is_prunable(checkpoint[name])]

    @property
    def _amount(self) -> Amount | None:
        """The amount of all selected tensors, None where they differ or have none."""
        found = {self._session.amounts.get(name) for name in self._names}
        return found.pop() if len(found) == 1 else None

    def _commit(self) -> None:
        if not self._names:
            return
        try:
            self._session.set_amounts(self._names, read_amount(self.edit.text()))
        except PrunerError as error:
            show_refusal(self.edit, str(error))
            return
        self.edit.setModified(False)
        self._refresh()

    def _left(self) -> None:
        """Take what was typed when the field is left; what is wrong there stays, with its reason."""
        if self.edit.isModified():
            self._commit()

    def _slid(self, value: int) -> None:
        if self._names:
            self._session.set_amounts(self._names, Amount(value / _STEPS))

    def _convert(self, unit: int) -> None:
        """Say the same as a count or as a ratio."""
        amount, names = self._amount, self._names
        if amount is None or amount.is_ratio == (unit == _RATIO):
            return
        left = self._session.left(names[0])
        value: float | int = amount.count(left) if unit == _COUNT else round(amount.count(left) / max(left, 1), 6)
        try:
            self._session.set_amounts(names, Amount(value))
        except PrunerError as error:
            show_refusal(self.edit, str(error))
        self._refresh()

    def _clear(self) -> None:
        self._session.set_amounts(self._names, None)

    def _show_similar(self) -> None:
        checkpoint, current, amount = self._session.checkpoint, self._session.current, self._amount
        if checkpoint is None or current is None or amount is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in groups_of(checkpoint, current):
            action = menu.addAction(menu_text(f"{group.title} ({numbers.plural(len(group.names), 'tensor')})"))
            action.triggered.connect(lambda _=False, names=group.names: self._give(names, amount))
        if menu.isEmpty():
            menu.addAction("No other tensor is of its kind").setEnabled(False)
        menu.popup(self.similar.mapToGlobal(self.similar.rect().bottomLeft()))

    def _give(self, names: tuple[str, ...], amount: Amount) -> None:
        try:
            self._session.set_amounts(names, amount)
        except PrunerError as error:
            self._session.tell("error", str(error))

    def _refresh(self) -> None:
        names, amount = self._names, self._amount
        for control in (self.edit, self.unit, self.slider):
            control.setEnabled(bool(names))
        self.similar.setEnabled(amount is not None)
        self.clear.setEnabled(any(name in self._session.amounts for name in names))
        if not (self.edit.hasFocus() and self.edit.isModified()):
            self.edit.setText(str(amount) if amount is not None else "")
            self.edit.setModified(False)
            mark(self.edit, wrong=False)
        self._show_numbers(names, amount)

    def _show_numbers(self, names: list[str], amount: Amount | None) -> None:
        left = sum(self._session.left(name) for name in names)
        planned = [count for name in names if (count := self._session.planned_count(name)) is not None]
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * sum(planned) / left) if left and planned else 0)
        self.slider.blockSignals(False)
        if amount is not None:
            self.unit.setCurrentIndex(_RATIO if amount.is_ratio else _COUNT)
        self.equals.setText(f"= {numbers.count(sum(planned))} of {numbers.count(left)}" if planned else "")
        self.where.setText(self._where(names))
        self.after.setText(self._after(names) if planned else "")

    def _where(self, names: list[str]) -> str:
        if self._session.checkpoint is None or not self._session.selected:
            return "Select a tensor to say how much of it to prune."
        if not names:
            return "Its elements have no magnitude to prune by."
        rounds = self._rounds(names[0]) + 1
        several = f"{numbers.plural(len(names), 'tensor')} · " if len(names) > 1 else ""
        return f"{several}of what is left · round {rounds}" if rounds > 1 else f"{several}of all elements · round 1"

    def _rounds(self, name: str) -> int:
        pruning = self._session.pruning
        return len(pruning[name].rounds) if pruning is not None and name in pruning else 0

    def _after(self, names: list[str]) -> str:
        assert self._session.checkpoint is not None
        numel = sum(self._session.checkpoint[name].numel for name in names)
        gone = sum(
            self._session.checkpoint[name].numel - self._session.left(name) + (self._session.planned_count(name) or 0)
            for name in names
        )
        return f"after this round: {numbers.percent(gone / numel)} of all pruned"
