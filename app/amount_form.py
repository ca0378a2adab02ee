"""The amount of the selected tensors, typed or dragged, and what it comes to."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSlider, QVBoxLayout, QWidget

from app import numbers
from app.amount_text import read_amount
from app.forecast import Stock, left_for, pooled, taken
from app.refusals import forgive, show_refusal
from app.session import Session
from pruner import Amount, PrunerError

_HINT = "30% or 1000"
_STEPS = 1000
_RATIO, _COUNT, _TARGET = range(3)
COUNTING = "counting…"


class AmountForm(QWidget):
    """A field, its unit (ratio, count or target), a slider, and how many elements or channels that is."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._names: list[str] = []
        self._fit: list[str] = []
        self.edit = QLineEdit(self)
        self.unit = QComboBox(self)
        self.equals = QLabel(self)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self._build()

    def _build(self) -> None:
        self.edit.setObjectName("amount")
        self.edit.setAccessibleName("Amount")
        self.edit.setPlaceholderText(_HINT)
        self.edit.setToolTip("A share such as 30%, a number such as 1000, or the sparsity to arrive at: to 80%")
        self.edit.textEdited.connect(lambda: forgive(self.edit))
        self.edit.returnPressed.connect(self._commit)
        self.edit.editingFinished.connect(self._left)
        self.unit.addItems(["ratio", "count", "target"])
        self.unit.setObjectName("unit")
        self.unit.setAccessibleName("Ratio, count or target")
        self.unit.setToolTip("A share of what is left, a number, or the sparsity to arrive at")
        self.unit.activated.connect(self._convert)
        self.equals.setObjectName("equals")
        self.equals.setAccessibleName("What the amount comes to")
        self.equals.setWordWrap(True)
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
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(row)
        box.addWidget(self.equals)
        box.addWidget(self.slider)
        box.addStretch(1)

    def show_amount(self, names: list[str]) -> None:
        """Show the amount of these tensors, and be for them from now on."""
        planned = self._session.next_round
        self._names = names
        self._fit = [name for name in names if not planned.unfit(name)]
        amount = self.amount
        ready = bool(self._fit) and planned.choice.takes_amount
        for control in (self.edit, self.unit, self.slider):
            control.setEnabled(ready)
        if not (self.edit.hasFocus() and self.edit.isModified()):
            self.edit.setText(str(amount) if amount is not None else "")
            self.edit.setModified(False)
            forgive(self.edit)
        if amount is not None:
            self.unit.setCurrentIndex(_unit_of(amount))
        self.equals.setText(self._equals())
        self._show_slider(amount)

    @property
    def amount(self) -> Amount | None:
        """The amount of all these tensors, None where they differ or have none."""
        amounts = self._session.amounts
        first = amounts.get(self._names[0]) if self._names else None
        return first if all((one := amounts.get(name)) is first or one == first for name in self._names) else None

    def forget_unit(self) -> None:
        """A target has been arrived at: what is typed next without a word is a ratio again."""
        if self.amount is None and self.unit.currentIndex() == _TARGET:
            self.unit.setCurrentIndex(_RATIO)

    # What was typed, dragged or chosen

    def _commit(self) -> None:
        if not self._names:
            return
        try:
            amount = read_amount(self.edit.text())
            if amount is not None and amount.is_ratio and self.unit.currentIndex() == _TARGET:
                amount = Amount.target(amount.value)
            self._session.set_amounts(self._names, amount)
        except PrunerError as error:
            show_refusal(self.edit, str(error))
            return
        self.edit.setModified(False)
        self.show_amount(self._names)

    def _left(self) -> None:
        """Take what was typed when the field is left; what is wrong there stays, with its reason."""
        if self.edit.isModified() and self._session.choice.takes_amount:
            self._commit()

    def _slid(self, value: int) -> None:
        if self._fit:
            share, unit = value / _STEPS, self.unit.currentIndex()
            amount = Amount.target(share) if unit == _TARGET else Amount(share)
            if unit == _COUNT and (left := self._stock(amount).left) is not None:
                amount = Amount(round(share * left))
            self._give(amount)

    def _convert(self, unit: int) -> None:
        """Say the same in another unit, as far as it can be."""
        amount = self.amount
        if amount is None or not self._fit or unit == _unit_of(amount):
            return
        choice, stock = self._session.choice, self._stock(amount)
        count, left = taken(choice, amount, stock), left_for(choice, amount, stock)
        if count is None or left is None:
            self.show_amount(self._names)  # not counted yet: the unit stays
            return
        if unit == _COUNT:
            self._give(Amount(count))
        elif unit == _RATIO:
            self._give(Amount(round(min(1.0, count / max(stock.left or 0, 1)), 6)))
        else:
            target = Amount.target(0.0)
            gone = stock.units - (left_for(choice, target, stock) or 0)
            self._give(Amount.target(round(min(1.0, max(gone, stock.units - left + count) / stock.units), 6)))

    def _give(self, amount: Amount) -> None:
        try:
            self._session.set_amounts(self._fit, amount)
        except PrunerError as error:
            show_refusal(self.edit, str(error))
        self.show_amount(self._names)

    def _stock(self, amount: Amount) -> Stock:
        """What an amount is of: the first of these tensors, or all that take part together."""
        planned = self._session.next_round
        if not planned.choice.together:
            return planned.stock(self._fit[0])
        return planned.pool if self._fit[0] in planned.planned else pooled([planned.pool, planned.stock(self._fit[0])])

    # What it comes to

    def _equals(self) -> str:
        planned = self._session.next_round
        choice = planned.choice
        names = [name for name in self._fit if name in planned.planned]
        if not names or not choice.takes_amount:
            return ""
        _, left, count = planned.sums(names)
        if left is None or count is None:
            return COUNTING
        text = f"= {numbers.count(count)} of {numbers.count(left)}"
        if choice.counts_channels:
            return f"{text} channels"
        return f"{text} · {numbers.plural(len(planned.planned), 'tensor')} together" if choice.together else text

    def _show_slider(self, amount: Amount | None) -> None:
        share = 0.0
        if amount is not None and self._fit:
            share = float(amount.value)
            if _unit_of(amount) == _COUNT:
                share /= max(self._stock(amount).left or 0, 1)
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * min(share, 1.0)))
        self.slider.blockSignals(False)


def _unit_of(amount: Amount) -> int:
    return _TARGET if amount.is_target else _RATIO if amount.is_ratio else _COUNT
