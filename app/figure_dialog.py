"""Save as picture: how it will look, and in which form it is taken away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRectF, QSettings, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.figure import Figure
from app.figure_export import Rendered, copies, mime, rendered, saved
from app.figure_form import COLOURS, FORMATS, SIZES, Form, Page
from app.jobs import Failure
from app.plain import plain_label
from app.session import Session
from app.theme import current
from app.timers import once

_FOLDER_KEY = "picture/folder"
_PREVIEW = QSize(520, 300)
_PAUSE_MS = 150
_SLOTS = ("figure-preview", "figure-save")


class Preview(QWidget):
    """The finished picture, as large as there is room for it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.setMinimumSize(_PREVIEW)
        self.setObjectName("preview")
        self.setAccessibleName("Preview")

    def show_image(self, image: QImage) -> None:
        """Show another picture."""
        self.image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.image.isNull():
            return
        room = self.size() - QSize(2, 2)
        ratio = self.devicePixelRatioF()
        fitting = self.image.size().scaled(room * ratio, Qt.AspectRatioMode.KeepAspectRatio)
        small = self.image.scaled(
            fitting, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        small.setDevicePixelRatio(ratio)
        size = small.deviceIndependentSize()
        left, top = round((self.width() - size.width()) / 2), round((self.height() - size.height()) / 2)
        painter = QPainter(self)
        painter.drawImage(left, top, small)
        painter.setPen(QColor(current().line))
        painter.drawRect(QRectF(left - 0.5, top - 0.5, size.width() + 1, size.height() + 1))


class FigureDialog(QDialog):
    """Shows the picture in the chosen form; saves it to a file, or copies it."""

    def __init__(self, session: Session, figure: Figure, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._figure = figure
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Save as picture")
        self.setObjectName("figure_dialog")
        self.preview = Preview(self)
        self.title = QLineEdit(figure.title, self)
        self.titled = QCheckBox("Title and subtitle in the &picture", self)
        self.size_ = _box(self, "picture_size", "Size", {name: one.title for name, one in SIZES.items()})
        self.format = _box(self, "picture_format", "Format", FORMATS)
        self.colours = _box(self, "picture_colours", "Colours", COLOURS)
        self.measures = plain_label(self)
        self.remark = plain_label(self)
        self.save = QPushButton("&Save…", self)
        self.copy = QPushButton("&Copy", self)
        self._pause = once(self, _PAUSE_MS, self._draw)
        self._build()
        self._choose(Form.remembered())
        self._connect()
        self._draw()
        self.title.selectAll()
        self.title.setFocus()

    def _build(self) -> None:
        self.title.setObjectName("picture_title")
        self.title.setAccessibleName("Title")
        self.titled.setObjectName("picture_titled")
        self.measures.setProperty("role", "muted")
        self.measures.setObjectName("picture_measures")
        self.remark.setProperty("role", "error")
        self.remark.setObjectName("picture_remark")
        self.remark.setWordWrap(True)
        self.remark.hide()
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.addRow("&Title", self.title)
        form.addRow("", self.titled)
        kinds = QHBoxLayout()
        kinds.setSpacing(8)
        kinds.addWidget(self.size_, 2)
        kinds.addWidget(self.measures, 2)
        form.addRow("Si&ze", kinds)
        form.addRow("Co&lours", self.colours)
        form.addRow("&Format", self.format)
        for row in (self.size_, self.colours, self.format, self.title):
            if (label := form.labelForField(row)) is not None:
                label.setMinimumWidth(64)
        self.save.setObjectName("save_picture_now")
        self.save.setProperty("primary", True)
        self.save.setDefault(True)
        self.copy.setObjectName("copy_picture_now")
        self.copy.setToolTip("Put the picture on the clipboard, as an image and as a drawing")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.save, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.preview, 1)
        layout.addLayout(form)
        layout.addWidget(self.remark)
        layout.addWidget(buttons)

    def _connect(self) -> None:
        for box in (self.size_, self.format, self.colours):
            box.currentIndexChanged.connect(self._draw)
        self.titled.toggled.connect(self._draw)
        self.title.textEdited.connect(lambda: self._pause.start())
        self.save.clicked.connect(self._ask)
        self.copy.clicked.connect(self._copy)

    # What is chosen

    def _choose(self, form: Form) -> None:
        for box, name in ((self.size_, form.size), (self.format, form.format), (self.colours, form.colours)):
            box.setCurrentIndex(box.findData(name))
        self.titled.setChecked(form.titled)

    @property
    def form(self) -> Form:
        """What is chosen."""
        form, size, colours = (str(box.currentData()) for box in (self.format, self.size_, self.colours))
        return Form(form, size, colours, self.titled.isChecked())

    @property
    def figure(self) -> Figure:
        """The figure under the title that was typed."""
        return replace(self._figure, title=self.title.text().strip() or self._figure.title)

    # Showing

    def _draw(self) -> None:
        page = self.form.page(self.figure)
        self.title.setEnabled(self.titled.isChecked())
        self.measures.setText(_measures(page))
        self._session.view.request(_SLOTS[0], rendered(self.figure, page), self._show, self._failed, 0)

    def _show(self, found: Rendered) -> None:
        self.remark.hide()
        self.preview.show_image(found.image)

    def _failed(self, failure: Failure) -> None:
        for button in (self.save, self.copy):
            button.setEnabled(True)
        self.remark.setText(failure.text)
        self.remark.show()
        if failure.details:
            self._session.tell_failure(failure)

    # Taking it away

    def _ask(self) -> None:
        """Ask for a file; the one that is there is asked for by the file dialog."""
        ending = self.form.format
        folder = Path(str(QSettings().value(_FOLDER_KEY, "")) or Path.home())
        dialog = QFileDialog(self, "Save as picture", str(folder / f"{_file_name(self.figure.title)}.{ending}"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([f"{FORMATS[ending]} (*.{ending})"])
        dialog.setDefaultSuffix(ending)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda chosen: self.save_to(Path(chosen)))
        dialog.open()

    def save_to(self, path: Path) -> None:
        """Write the picture to a file, and close when that has worked."""
        form, page = self.form, self.form.page(self.figure)

        def show(written: Path) -> None:
            form.remember()
            QSettings().setValue(_FOLDER_KEY, str(written.parent))
            self._session.tell("info", f"Saved {written}.")
            self.accept()

        self.save.setEnabled(False)
        steps = saved(self.figure, page, path, form.format)
        self._session.view.request(_SLOTS[1], steps, show, self._failed, 0)

    def _copy(self) -> None:
        form, page = self.form, self.form.page(self.figure)

        def show(found: Rendered) -> None:
            form.remember()
            QGuiApplication.clipboard().setMimeData(mime(found))
            self._session.tell("info", f"Copied the picture, {_measures(page)}.")
            self.accept()

        self.copy.setEnabled(False)
        self._session.view.request(_SLOTS[1], copies(self.figure, page), show, self._failed, 0)

    def done(self, result: int) -> None:
        """Nothing is shown in a dialog that is closed."""
        for slot in _SLOTS:
            self._session.view.drop(slot)
        super().done(result)


def _box(parent: QWidget, name: str, title: str, choices: dict[str, str]) -> QComboBox:
    box = QComboBox(parent)
    box.setObjectName(name)
    box.setAccessibleName(title)
    for key, text in choices.items():
        box.addItem(text, key)
    return box


def _measures(page: Page) -> str:
    """How large the picture is: in pixels, and on paper."""
    width, height = page.pixels
    pixels = f"{numbers.count(width)} × {numbers.count(height)} pixels"
    if page.dpi < 200:
        return pixels
    across, down = page.millimetres
    return f"{across:.0f} × {down:.0f} mm, {pixels}"


def _file_name(title: str) -> str:
    """A file's name of what a title has in letters and digits."""
    kept = "".join(one if one.isalnum() or one in "._-" else " " for one in title)
    return "-".join(kept.split())[:100].strip(".-") or "picture"
