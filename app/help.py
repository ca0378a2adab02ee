"""Help on what has the focus, and what Secateur is."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QWhatsThis, QWidget

from pruner import __version__

_FIRST = (
    "Open a checkpoint, type amounts in the tree (30% or 1000), choose a method above, press Prune, look, and save."
)


def show_help(window: QWidget) -> None:
    """Explain what has the focus, or where to begin."""
    widget = QApplication.focusWidget()
    while widget is not None and not widget.whatsThis():
        widget = widget.parentWidget()
    text = widget.whatsThis() if widget is not None else _FIRST
    place = widget.mapToGlobal(widget.rect().center()) if widget is not None else window.mapToGlobal(QPoint(80, 80))
    QWhatsThis.showText(place, text, widget)


def show_about(window: QWidget) -> None:
    """Say which version this is."""
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About Secateur")
    box.setIconPixmap(window.windowIcon().pixmap(64, 64))
    box.setText(f"<b>Secateur {__version__}</b><br>Prunes PyTorch checkpoints by magnitude. MIT licence.")
    box.open()
