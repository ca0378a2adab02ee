"""What the list of channels goes over, and in which order."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app import numbers
from app.channel_ways import ORDERS, Key, Order, Way
from app.divisor_box import DivisorBox

_HEADS_WIDTH = 96


class ChannelChoices(QWidget):
    """Boxes for the dimension or the heads, for how many heads there are, and for the order."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ways: tuple[Way, ...] = ()
        self._over, self._order, self._heads = QComboBox(self), QComboBox(self), DivisorBox(self)
        for widget, name, title in (
            (self._over, "over", "What to go over"),
            (self._heads, "heads", "Number of heads"),
            (self._order, "channel_order", "Order of the channels"),
        ):
            widget.setObjectName(name)
            widget.setAccessibleName(title)
            widget.setToolTip(title)
        self._over.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._over.setMinimumContentsLength(12)
        self._order.addItems(list(ORDERS))
        self._heads.setSuffix(f"{numbers.THIN}heads")
        self._heads.setFixedWidth(_HEADS_WIDTH)
        self._heads.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._heads.setToolTip("How many heads the channels form; arrow keys go to the next number that divides them")
        self._heads.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._over, 1)
        row.addWidget(self._heads)
        row.addWidget(self._order)
        self._over.currentIndexChanged.connect(self._choose_way)
        self._heads.valueChanged.connect(self.changed)
        self._order.currentIndexChanged.connect(self.changed)

    @property
    def way(self) -> Way:
        """What is gone over; there is one once ways were offered."""
        return self._ways[self._over.currentIndex()]

    @property
    def heads(self) -> int:
        """How many heads there are, where heads are gone over."""
        return self._heads.value()

    @property
    def order(self) -> Order:
        """The order that is chosen."""
        return ORDERS[self._order.currentText()]

    def offer(self, ways: tuple[Way, ...]) -> None:
        """Offer the ways that there are, and stay with the one of the last tensor where it has its like."""
        if ways != self._ways:
            key = self.way.key if self._ways else ""
            place = next((place for place, way in enumerate(ways) if way.key == key), 0)
            self._ways = ways
            with QSignalBlocker(self._over), QSignalBlocker(self._heads):
                self._over.clear()
                self._over.addItems([way.title for way in ways])
                self._over.setCurrentIndex(place)
                if ways[-1].heads is not None:
                    self._heads.set_numbers(ways[-1].heads.numbers, ways[-1].heads.guess)
        self._heads.setVisible(self.way.heads is not None)

    def sort_by(self, key: Key) -> None:
        """Sort by a key, or the other way round where it is sorted by already; the sparsest come first."""
        now = self.order
        wanted = Order(key, not now.descending) if key == now.key else Order(key, key == "sparsity")
        self._order.setCurrentIndex(list(ORDERS.values()).index(wanted))

    def _choose_way(self) -> None:
        self._heads.setVisible(self.way.heads is not None)
        self.changed.emit()
