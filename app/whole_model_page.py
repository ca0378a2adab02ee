"""The whole model's picture with what is around it: the way to it, what it is coloured by, the strip, the legend."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.plain import plain_label
from app.theme import current
from app.treemap_colours import Shares, Tensors, table
from app.treemap_crumbs import Crumbs
from app.treemap_measures import Measure, top_of
from app.treemap_plane import Plane
from app.treemap_strip import Legend, StripView
from app.treemap_view import TreemapView


class WholeModelPage(QWidget):
    """Shows planes in colours; what is done to it the panel sees to."""

    def __init__(self, describe: Callable[[int], str], parent: QWidget | None = None) -> None:
        """`describe` says in lines what the rectangle at a place of the plane is."""
        super().__init__(parent)
        self.view = TreemapView(describe, self)
        self.strip = StripView(self)
        self.crumbs = Crumbs(self)
        self.by = QComboBox(self)
        self.legend = Legend(self)
        self._said = plain_label(self)
        self._build()
        self.view.pointed.connect(self._point)
        self.strip.pointed.connect(self._point_from_strip)

    def _build(self) -> None:
        self.by.addItems([measure.value for measure in Measure])
        self.by.setAccessibleName("Colour by")
        self.by.setObjectName("colour_by")
        self.by.setToolTip(
            "Sparsity: zeros / elements. Norm lost: 1 − norm after / norm before, of what is pruned now; before is as "
            "the file has it"
        )
        self._said.setProperty("role", "muted")
        self._said.setObjectName("whole_model_status")
        self._said.setMinimumWidth(40)
        colour_by = QLabel("Colour by", self)
        colour_by.setBuddy(self.by)
        self._top = top = QHBoxLayout()
        top.addWidget(self.crumbs, 1)
        top.addWidget(colour_by)
        top.addWidget(self.by)
        under = QHBoxLayout()
        under.addWidget(self._said, 1)
        under.addWidget(self.legend)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 4)
        box.setSpacing(4)
        box.addLayout(top)
        box.addWidget(self.view, 1)
        box.addWidget(self.strip)
        box.addLayout(under)

    @property
    def measure(self) -> Measure:
        """What the user wants it to be coloured by."""
        return list(Measure)[self.by.currentIndex()]

    def show_model(self, tensors: Tensors, plane: Plane, shares: Shares, measure: Measure) -> None:
        """Show a plane in the colours of shares."""
        top = top_of(measure, shares)
        colours = table(current(), shares / top, tensors.forms)
        self.view.show_plane(plane, colours, shares)
        self.strip.show_tensors(tensors, plane.strip, colours)
        self.legend.show_scale(top, measure.unit)

    def add_tool(self, tool: QWidget) -> None:
        """Put a control at the end of the row above the picture."""
        self._top.addWidget(tool)

    def set_selected(self, names: tuple[str, ...]) -> None:
        """Outline the selected tensors."""
        self.view.set_selected(names)
        self.strip.set_selected(names)

    def say(self, text: str) -> None:
        """Say something below the picture."""
        self._said.setText(text)

    def _point(self, text: str) -> None:
        self.say(text)
        hovered = self.view.hovered
        self.strip.point_at(hovered.name if hovered is not None and not hovered.is_module else None)

    def _point_from_strip(self, name: str) -> None:
        self.view.point_at(name or None)
