"""How the map looks at tensors: the menu View, and what was chosen in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QSettings, QSize, Signal
from PySide6.QtGui import QAction, QActionGroup, QIcon, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSpinBox, QToolButton, QWidget, QWidgetAction

from app.colour_maps import (
    SIGNED,
    UNSIGNED,
    Colours,
    Scheme,
    Shows,
    row_image,
    signed_colours,
    title_of,
    unsigned_colours,
)
from app.map_layouts import KINDS, Arrangement
from app.theme import current
from pruner.pyramid import Aggregate, Layout, is_line, unbanded

_SHOWS: dict[Shows, tuple[str, str]] = {
    "extreme": ("Value of largest magnitude", "Of each block the value with the largest magnitude, with its sign"),
    "magnitude": ("Largest magnitude", "Magnitudes, without the sign"),
    "mean": ("Mean", "Of each block the mean; NaN and infinity count as 0, and so does what a picture leaves out"),
}
_SWATCH = QSize(16, 12)


class LookButton(QToolButton):
    """The menu of how tensors are looked at. Colours and what blocks show are kept, layouts are for the session."""

    recoloured = Signal()
    """Values are drawn in another way."""
    rearranged = Signal()
    """Tensors lie in another layout."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("map_look")
        self.setText("View ▾")
        self.setAccessibleName("View of the map")
        self.setToolTip("What blocks show, layout and colours")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._arrangements: dict[int, Arrangement] = {}
        self._shape: tuple[int, ...] = ()
        self.scheme = _kept_scheme()
        self.bands = str(QSettings().value("map/bands", "true")).lower() == "true"
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)

    @property
    def aggregate(self) -> Aggregate:
        """What pyramids are to be of."""
        return "mean" if self.scheme.shows == "mean" else "extreme"

    def arrangement(self, shape: tuple[int, ...]) -> Arrangement:
        """What was chosen for tensors of as many dimensions."""
        return self._arrangements.get(_rank(shape), Arrangement())

    def layout_of(self, shape: tuple[int, ...]) -> Layout:
        """The layout that a tensor is to be shown in."""
        return self.arrangement(shape).layout(shape, self.bands)

    def show_for(self, shape: tuple[int, ...]) -> None:
        """Offer what there is for a shape."""
        self._shape = shape

    def arrange(self, arrangement: Arrangement) -> None:
        """Take a layout for tensors of as many dimensions as the one that is shown."""
        self._arrangements[_rank(self._shape)] = arrangement
        self.rearranged.emit()

    # The menu

    def _fill(self) -> None:
        menu, theme = self.menu(), current()
        menu.clear()
        for old in (*menu.findChildren(QActionGroup), *menu.findChildren(QMenu)):
            old.deleteLater()
        _head(menu, "A block of several values shows")
        self._choices(menu, "shows", {name: (*said, None) for name, said in _SHOWS.items()})
        _head(menu, "Layout")
        self._fill_layouts(menu)
        _head(menu, "Colours")
        signed = {name: (title_of(name, theme), "", signed_colours(name, theme)) for name in SIGNED}
        unsigned = {name: (title_of(name, theme), "", unsigned_colours(name, theme)) for name in UNSIGNED}
        self._choices(menu.addMenu("Values with a sign"), "signed", signed)
        self._choices(menu.addMenu("Magnitudes"), "unsigned", unsigned)

    def _choices(self, menu: QMenu, field: str, choices: Mapping[Any, tuple[str, str, Colours | None]]) -> None:
        group = QActionGroup(menu)
        for name, (title, tip, colours) in choices.items():
            action = _choice(menu, group, title, tip, partial(self._draw, **{field: name}))
            action.setChecked(name == getattr(self.scheme, field))
            if colours is not None:  # an icon takes the place of the check mark
                action.setText(f"{title}\t✓" if action.isChecked() else title)
                action.setIcon(QIcon(QPixmap.fromImage(row_image(colours).scaled(_SWATCH))))

    def _fill_layouts(self, menu: QMenu) -> None:
        shape, chosen = self._shape, self.arrangement(self._shape)
        if is_line(shape):
            menu.addAction(self._run_action(menu, chosen))
            return
        if len(shape) > 2:
            group = QActionGroup(menu)
            for kind, (title, tip) in KINDS.items():
                action = _choice(menu, group, title, tip, partial(self.arrange, replace(chosen, kind=kind)))
                action.setChecked(kind == chosen.kind)
        bands = menu.addAction("In bands where it is thin")
        bands.setToolTip("A tensor that is much longer than wide is cut into bands beside or under each other")
        bands.setCheckable(True)
        bands.setChecked(self.bands)
        bands.setEnabled(unbanded(self.layout_of(shape)).thin)
        bands.toggled.connect(self._band)

    def _run_action(self, menu: QMenu, chosen: Arrangement) -> QWidgetAction:
        row = QWidget(menu)
        box = QHBoxLayout(row)
        box.setContentsMargins(16, 4, 16, 4)
        spin = QSpinBox(row)
        spin.setObjectName("run")
        spin.setAccessibleName("Elements in a row")
        spin.setRange(0, 1 << 30)
        spin.setSpecialValueText("automatic")
        spin.setKeyboardTracking(False)
        spin.setValue(chosen.run)
        spin.valueChanged.connect(lambda run: self.arrange(replace(chosen, run=run)))
        box.addWidget(QLabel("Elements in a row", row))
        box.addWidget(spin)
        action = QWidgetAction(menu)
        action.setDefaultWidget(row)
        return action

    def _draw(self, **changes: Any) -> None:
        self.scheme = replace(self.scheme, **changes)
        for name, value in changes.items():
            QSettings().setValue(f"map/{name}", value)
        self.recoloured.emit()

    def _band(self, bands: bool) -> None:
        self.bands = bands
        QSettings().setValue("map/bands", "true" if bands else "false")
        self.rearranged.emit()


def _head(menu: QMenu, text: str) -> None:
    """What the choices below are about."""
    menu.addSeparator()
    label = QLabel(text, menu)
    label.setProperty("role", "muted")
    label.setContentsMargins(12, 4, 12, 0)
    action = QWidgetAction(menu)
    action.setDefaultWidget(label)
    action.setEnabled(False)
    menu.addAction(action)


def _choice(menu: QMenu, group: QActionGroup, title: str, tip: str, choose: Callable[[], None]) -> QAction:
    """One of several that exclude each other."""
    action = menu.addAction(title)
    group.addAction(action)
    action.setToolTip(tip)
    action.setCheckable(True)
    action.triggered.connect(lambda: choose())
    return action


def _kept_scheme() -> Scheme:
    """The scheme of the settings; what is not known there counts as not chosen."""
    known: dict[str, Mapping[Any, Any]] = {"shows": _SHOWS, "signed": SIGNED, "unsigned": UNSIGNED}
    kept = {name: str(QSettings().value(f"map/{name}", "")) for name in known}
    return Scheme(**{name: value for name, value in kept.items() if value in known[name]})  # type: ignore[arg-type]


def _rank(shape: tuple[int, ...]) -> int:
    return 1 if is_line(shape) else len(shape)
