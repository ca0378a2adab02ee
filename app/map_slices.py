"""Which slice of a tensor the map shows: two dimensions against each other, a slider for each of the others."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QSlider, QSpinBox, QVBoxLayout, QWidget

from app.map_layouts import Arrangement
from pruner.pyramid import dimension_names

_SLIDERS_IN_A_ROW = 2


class SliceBar(QWidget):
    """Controls of slices; they are rebuilt only for other dimensions, so that a slider can be dragged."""

    changed = Signal(Arrangement)
    """The user chose another slice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slices")
        self._arrangement = Arrangement("slices")
        self._built: tuple[tuple[int, ...], int, int] | None = None
        self.down, self.across = QComboBox(self), QComboBox(self)
        self.sliders: dict[int, tuple[QSlider, QSpinBox]] = {}
        self._places = QWidget(self)
        top = QHBoxLayout()
        top.setSpacing(8)
        for text, name, box in (("Rows", "slice_rows", self.down), ("Columns", "slice_columns", self.across)):
            box.setObjectName(name)
            box.setAccessibleName(f"{text}: dimension")
            label = QLabel(text, self)
            label.setProperty("role", "muted")
            label.setBuddy(box)
            top.addWidget(label)
            top.addWidget(box)
            box.activated.connect(self._choose)
        top.addStretch(1)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        self._box.addLayout(top)
        self._box.addWidget(self._places)

    def show_slice(self, shape: tuple[int, ...], arrangement: Arrangement) -> None:
        """Show the controls of a shape, with what is chosen."""
        self._arrangement = arrangement
        built = shape, arrangement.down, arrangement.across
        if built != self._built:
            self._built = built
            self._build(shape)
        for dim, pair in self.sliders.items():
            for control in pair:
                with QSignalBlocker(control):
                    control.setValue(arrangement.at[dim] if arrangement.at else 0)

    def _build(self, shape: tuple[int, ...]) -> None:
        names = dimension_names(len(shape))
        for box, chosen in ((self.down, self._arrangement.down), (self.across, self._arrangement.across)):
            box.clear()
            for dim, (name, size) in enumerate(zip(names, shape, strict=True)):
                box.addItem(f"{name} ({size})", dim)
            box.setCurrentIndex(chosen)
        places = QWidget(self)
        grid = QGridLayout(places)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        self.sliders = {}
        against = (self._arrangement.down, self._arrangement.across)
        for dim, (name, size) in enumerate(zip(names, shape, strict=True)):
            if dim not in against and size > 1:
                row, column = divmod(len(self.sliders), _SLIDERS_IN_A_ROW)
                label = QLabel(name, places)
                label.setProperty("role", "muted")
                grid.addWidget(label, row, 3 * column)
                self.sliders[dim] = self._slider(places, dim, name, size)
                for place, control in enumerate(self.sliders[dim], start=1):
                    grid.addWidget(control, row, 3 * column + place)
        self._box.replaceWidget(self._places, places)
        self._places.hide()
        self._places.deleteLater()
        self._places = places

    def _slider(self, parent: QWidget, dim: int, name: str, size: int) -> tuple[QSlider, QSpinBox]:
        slider, spin = QSlider(Qt.Orientation.Horizontal, parent), QSpinBox(parent)
        for what, control in (("slider", slider), ("place", spin)):
            control.setObjectName(f"slice_{what}_{dim}")
            control.setAccessibleName(f"{name}, 0 to {size - 1}")
            control.setToolTip(f"{name}: 0 to {size - 1}")
            control.setRange(0, size - 1)
            control.valueChanged.connect(lambda place, dim=dim: self._stand(dim, place))
        slider.setPageStep(max(1, size // 10))
        slider.setMinimumWidth(60)
        return slider, spin

    def _choose(self) -> None:
        assert self._built is not None
        shape = self._built[0]
        chosen = self._arrangement.against(self.down.currentIndex(), self.across.currentIndex())
        self.show_slice(shape, chosen)
        self.changed.emit(chosen)

    def _stand(self, dim: int, place: int) -> None:
        assert self._built is not None
        shape = self._built[0]
        chosen = self._arrangement.standing(dim, place, len(shape))
        self.show_slice(shape, chosen)
        self.changed.emit(chosen)
