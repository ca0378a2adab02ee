"""The toolbar: opening and saving, undo, the method, its scope and the device, and the button that prunes."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QSizePolicy, QToolBar, QToolButton, QWidget

from app.actions import Actions
from app.method_boxes import MethodBox, ScopeBox
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
        self.method, self.scope, self.device = MethodBox(session, self), ScopeBox(session, self), QComboBox(self)
        self._dress_device()
        for title, box in (("Method", self.method), ("Scope", self.scope), ("Device", self.device)):
            self._add_box(title, box)
        spacer = QWidget(self)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        self._action = actions["prune"]
        self.prune = QPushButton(self)
        self._add_prune()
        session.devices.changed.connect(self._show_devices)
        self._show_devices()

    def _add_box(self, title: str, box: QComboBox) -> None:
        label = QLabel(title, self)
        label.setProperty("role", "muted")
        label.setBuddy(box)
        self.addWidget(label)
        self.addWidget(box)

    def _dress_device(self) -> None:
        self.device.setObjectName("device")
        self.device.setAccessibleName("Device to prune on")
        self.device.setToolTip("Where pruning runs; only what is there is offered")
        self.device.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.device.activated.connect(lambda place: self._session.devices.choose(self.device.itemData(place)))

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
        devices = self._session.devices
        for one in devices.known:
            self.device.addItem(one.title, one.name)
        self.device.setCurrentIndex(self.device.findData(devices.chosen))
        self.device.setEnabled(len(devices.known) > 1)
