"""A number that divides another: its arrows go to the next one that does, and no other can be entered."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QSpinBox, QWidget


class DivisorBox(QSpinBox):
    """A spin box over a few numbers; what is typed and is none of them becomes the nearest one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers: tuple[int, ...] = (1,)
        self.setKeyboardTracking(False)

    def set_numbers(self, numbers: tuple[int, ...], value: int) -> None:
        """Offer these numbers, in ascending order, and show one of them."""
        self._numbers = numbers
        self.setRange(numbers[0], numbers[-1])
        self.setValue(value)

    def stepBy(self, steps: int) -> None:
        value, last = self.value(), len(self._numbers) - 1
        place = bisect_right(self._numbers, value) - 1 if steps > 0 else bisect_left(self._numbers, value)
        self.setValue(self._numbers[min(max(place + steps, 0), last)])
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        flags = QAbstractSpinBox.StepEnabledFlag
        up = flags.StepUpEnabled if self.value() < self._numbers[-1] else flags.StepNone
        down = flags.StepDownEnabled if self.value() > self._numbers[0] else flags.StepNone
        return up | down

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        """A number on the way to one that is offered may be typed."""
        state, *_ = super().validate(text, place)
        typed = text.removesuffix(self.suffix()).strip()
        if state == QValidator.State.Acceptable and not (typed.isdecimal() and int(typed) in self._numbers):
            state = QValidator.State.Intermediate
        return state, text, place

    def fixup(self, text: str) -> str:
        digits = text.removesuffix(self.suffix()).strip()
        typed = int(digits) if digits.isdecimal() else self.value()
        return f"{min(self._numbers, key=lambda one: abs(one - typed))}{self.suffix()}"
