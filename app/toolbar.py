"""The toolbar: opening and saving, undo, the device, and the button that prunes."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QToolBar, QToolButton, QWidget

from app.actions import Actions
from app.session import Session


class ToolBar(QToolBar):
    """The commands that are used most, with what they would do written on them."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget) -> None:
        super().__init__("Commands", parent)
        self._session = session
        self.setObjectName("toolbar")
        self.setMovable(False)
        self.setIconSize(QSize(20, 20))
        for name in ("open", "save"):
            self.addAction(actions[name])
            button = self.widgetForAction(actions[name])
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addSeparator()
        self.addAction(actions["undo"])
        self.addAction(actions["redo"])
        self.addSeparator()
        self.device = QComboBox(self)
        self._add_device()
        spacer = QWidget(self)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        self._action = actions["prune"]
        self.prune = QPushButton(self)
        self._add_prune()
        session.devices_changed.connect(self._show_devices)
        self._show_devices()

    def _add_device(self) -> None:
        label = QLabel("Device", self)
        label.setProperty("role", "muted")
        label.setBuddy(self.device)
        self.device.setObjectName("device")
        self.device.setAccessibleName("Device to prune on")
        self.device.setToolTip("Where pruning runs; only what is there is offered")
        self.device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.device.activated.connect(lambda place: self._session.choose_device(self.device.itemData(place)))
        self.addWidget(label)
        self.addWidget(self.device)

    def _add_prune(self) -> None:
        self.prune.setObjectName("prune")
        self.prune.setProperty("primary", True)
        self.prune.clicked.connect(self._action.trigger)
        self._action.changed.connect(self._show_prune)
        self._show_prune()
        self.addWidget(self.prune)

    def _show_prune(self) -> None:
        self.prune.setText(self._action.text())
        self.prune.setToolTip(self._action.toolTip())
        self.prune.setEnabled(self._action.isEnabled())

    def _show_devices(self) -> None:
        self.device.clear()
        for one in self._session.devices:
            self.device.addItem(one.title, one.name)
        self.device.setCurrentIndex(self.device.findData(self._session.device))
        self.device.setEnabled(len(self._session.devices) > 1)
