"""A dialog that shows a text that was made, to be copied or saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.jobs import Failure
from app.plain import breakable, plain_label
from app.session import Session
from app.style import icon
from app.theme import current
from resources import demo_model

_SLOT = "code"


class CodeDialog(QDialog):
    """What the text is made of stands in `top`; who derives from it gives `_make` and `_write`.

    Both run on the view lane, since they may read files.
    """

    def __init__(self, session: Session, parent: QWidget | None, title: str, ending: str, first: str) -> None:
        """`first` is the button that stands out: `copy` or `save`."""
        super().__init__(parent)
        assert session.checkpoint is not None
        self._session = session
        self._checkpoint = session.checkpoint
        self._ending = ending
        self.setWindowTitle(title)
        self.resize(720, 620)
        self.top = QVBoxLayout()
        self.top.setSpacing(4)
        self.code = QPlainTextEdit(self)
        self.code.setObjectName("code")
        self.code.setAccessibleName(title)
        self.code.setReadOnly(True)
        self.code.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.code.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.remark = plain_label(self)
        self.remark.setObjectName("remark")
        self.remark.setWordWrap(True)
        self.remark.setProperty("role", "error")
        self.remark.hide()
        self.copy = QPushButton("&Copy", self)
        self.save = QPushButton("&Save…", self)
        for button, name in ((self.copy, "copy"), (self.save, "save")):
            button.setObjectName(f"{name}_code")
            button.setAutoDefault(False)
            button.setProperty("primary", name == first)
            button.setIcon(icon(name, current().on_accent if name == first else None))
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close.rejected.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy)
        buttons.addWidget(self.save)
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(self.top)
        layout.addWidget(self.code, 1)
        layout.addWidget(self.remark)
        layout.addLayout(buttons)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._choose_file)
        self.finished.connect(lambda _result: session.view.drop(_SLOT))

    def _make(self) -> str:
        """The text; raises `PrunerError`."""
        raise NotImplementedError

    def _write(self, path: Path) -> None:
        """Write it to a file; raises `PrunerError`."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Make the text anew."""

        def steps() -> Iterator[str]:
            yield self._make()

        self._session.view.request(_SLOT, steps(), self._show, self._refuse, urgency=0)

    def _show(self, text: str) -> None:
        if self.code.toPlainText() != text:
            self.code.setPlainText(text)
        self._settle("")

    def _refuse(self, failure: Failure) -> None:
        self.code.setPlainText("")
        self._settle(failure.text)

    def _settle(self, why: str) -> None:
        self.remark.setText(breakable(why))
        self.remark.setVisible(bool(why))
        self.copy.setEnabled(not why)
        self.save.setEnabled(not why)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.code.toPlainText())
        self._session.tell("info", f"{self.windowTitle()}: copied.")

    def _choose_file(self) -> None:
        source = self._checkpoint.path
        folder = Path.home() if source == demo_model() else source.parent
        dialog = QFileDialog(self, self.windowTitle(), str(folder / f"{source.stem}{self._ending}"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(self._ending.removeprefix("."))
        dialog.fileSelected.connect(lambda chosen: self.save_to(Path(chosen)))
        dialog.open()

    def save_to(self, path: Path) -> None:
        """Write the text to a file, and close when that has worked."""

        def steps() -> Iterator[Path]:
            self._write(path)
            yield path

        def saved(path: Path) -> None:
            self._session.tell("info", f"Saved {path}.")
            self.accept()

        self._session.view.request(_SLOT, steps(), saved, lambda failure: self._settle(failure.text), urgency=0)
