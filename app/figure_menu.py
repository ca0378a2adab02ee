"""Taking a view away as a picture: its button, its menu, and copying."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from app import numbers
from app.figure import Figure, HasFigure
from app.figure_export import Rendered, copies, mime
from app.figure_form import Form
from app.session import Session

_NOTHING = "There is nothing to take a picture of yet."
Source = Callable[[], Figure | None]


def copy_figure(session: Session, figure: Figure | None) -> None:
    """Put a figure on the clipboard, in the form that was chosen last, as an image and as a drawing."""
    if figure is None:
        session.tell("info", _NOTHING)
        return
    page = Form.remembered().page(figure)

    def show(found: Rendered) -> None:
        QGuiApplication.clipboard().setMimeData(mime(found))
        width, height = page.pixels
        session.tell("info", f"Copied the picture, {numbers.count(width)} × {numbers.count(height)} pixels.")

    session.view.request("figure-copy", copies(figure, page), show, session.tell_failure, 0)


def save_figure(session: Session, figure: Figure | None, window: QWidget) -> None:
    """Open the dialog that saves a figure."""
    if figure is None:
        session.tell("info", _NOTHING)
        return
    from app.figure_dialog import FigureDialog

    FigureDialog(session, figure, window).open()


def figure_at(focus: QWidget | None, otherwise: HasFigure) -> Figure | None:
    """The figure of the panel that has the focus, or of another one; a panel names what the views in it show."""
    found, widget = otherwise, focus
    while widget is not None:
        found = widget if isinstance(widget, HasFigure) else found
        widget = widget.parentWidget()
    return found.figure()


class PictureButton(QToolButton):
    """The link over a view that takes it away; its menu is the view's context menu, too."""

    def __init__(self, session: Session, source: Source, parent: QWidget) -> None:
        super().__init__(parent)
        self._source = source
        self.setText("Picture ▾")
        self.setObjectName("picture")
        self.setProperty("role", "link")
        self.setToolTip("Copy this view as a picture, or save it as PNG or SVG")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        copy = self.menu().addAction("Copy as picture\tCtrl+Shift+C")
        copy.setObjectName("copy_as_picture")
        copy.triggered.connect(lambda: copy_figure(session, source()))
        self._text = self.menu().addAction("Copy as text")
        self._text.setObjectName("copy_as_text")
        self._text.triggered.connect(self._copy_text)
        self.menu().aboutToShow.connect(self._offer)
        save = self.menu().addAction("Save as picture…\tCtrl+Shift+E")
        save.setObjectName("save_as_picture")
        save.triggered.connect(lambda: save_figure(session, source(), self.window()))

    def _offer(self) -> None:
        figure = self._source()
        self._text.setVisible(figure is not None and bool(figure.text))

    def _copy_text(self) -> None:
        if (figure := self._source()) is not None:
            QGuiApplication.clipboard().setText(figure.text)

    def popup(self, place: QPoint) -> None:
        """Open the menu at a place of the screen."""
        self.menu().popup(place)
