"""A box that switches between the dictionaries of weights that a file holds."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.plain import clipped, plain_tip
from app.session import Session
from pruner import Checkpoint

_LENGTH = 120


def root_title(root: str) -> str:
    """A key path as the window shows it; the empty one in words."""
    return clipped(root, _LENGTH) if root else "the file's own dictionary"


class RootRow(QWidget):
    """“Weights” and the key paths to choose from; seen only where the file holds more than one dictionary.

    The box always shows the dictionary that is open: a choice is passed on, and shown when it has been opened.
    """

    chosen = Signal(str)
    """The key path that the user chose."""

    def __init__(self, session: Session, parent: QWidget | None = None, *, second: bool = False) -> None:
        """For the document, or for the `second` checkpoint that is compared with it."""
        super().__init__(parent)
        self._session = session
        self._second = second
        self.box = QComboBox(self)
        self.box.setObjectName("second_root" if second else "root")
        self.box.setAccessibleName("Weights")
        self.box.setAccessibleDescription("The dictionary of the file whose tensors are shown")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.box.activated.connect(self._chosen)
        self.setWhatsThis(
            "This file holds several dictionaries of weights, such as those of a model and their running average. "
            "Choose which one to see and prune; amounts belong to the one they were given in."
        )
        label = QLabel("Weights", self)
        label.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label)
        row.addWidget(self.box, 1)
        (session.comparison.changed if second else session.checkpoint_changed).connect(self._fill)
        self._fill()

    @property
    def _checkpoint(self) -> Checkpoint | None:
        return self._session.comparison.other if self._second else self._session.checkpoint

    def _fill(self) -> None:
        checkpoint = self._checkpoint
        roots = checkpoint.roots if checkpoint is not None else ()
        self.box.clear()
        for root in roots:
            self.box.addItem(root_title(root), root)
            self.box.setItemData(self.box.count() - 1, plain_tip(root_title(root)), Qt.ItemDataRole.ToolTipRole)
        self._show_open()
        self.setVisible(len(roots) > 1)

    def _show_open(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is not None:
            self.box.setCurrentIndex(self.box.findData(checkpoint.root))
            self.box.setToolTip(plain_tip(root_title(checkpoint.root)))

    def _chosen(self, place: int) -> None:
        root = str(self.box.itemData(place))
        self._show_open()
        checkpoint = self._checkpoint
        if checkpoint is not None and root != checkpoint.root:
            self.chosen.emit(root)
