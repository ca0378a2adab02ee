"""Save as: the form, the container, what the file will weigh, and where it goes."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.container_box import ContainerBox
from app.form_choice import FormChoice, weight_text
from app.plain import plain_label
from app.session import Session
from pruner import PrunerError, Pruning
from pruner.estimate import dense_bytes
from pruner.export import check_target, container_of, has_place
from resources import demo_model

_COMPRESS_KEY = "save/compress"
_SHARD_GB = 5.0
"""What the Hugging Face libraries take."""
_NO_FASTER = "Zeros make no dense kernel faster."
_PACKED = (
    "torch.load (1.6 and later) reads a compressed file, but not with mmap=True: that fails, or gives wrong values "
    "without an error."
)


class SaveDialog(QDialog):
    """Saves on the worker thread; the window shows the progress."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert session.checkpoint is not None
        self._session = session
        self._source = session.checkpoint
        self.setWindowTitle("Save pruned checkpoint")
        self.setObjectName("save_dialog")
        self.setMinimumWidth(560)
        self.forms = FormChoice(session, self._source, session.pruning or Pruning(), self)
        self.container = ContainerBox(session.checkpoint, self)
        self.shard_size = QDoubleSpinBox(self)
        self.path = QLineEdit(self)
        self.compress = QCheckBox("C&ompress", self)
        self.facts = plain_label(self)
        self.weight = plain_label(self)
        self.remark = plain_label(self)
        self._dense = dense_bytes(self._source)
        self._build()
        self._suggest()
        self._refresh()
        self.path.setFocus()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.forms)
        self.compress.setObjectName("compress")
        self.compress.setChecked(str(QSettings().value(_COMPRESS_KEY, "")) == "1")
        self.compress.setToolTip("Deflate what is in the file wherever that makes it smaller")
        self.shard_size.setObjectName("shard_size")
        self.shard_size.setAccessibleName("Size of a shard at most, in gigabytes")
        self.shard_size.setRange(0.01, 1000)
        self.shard_size.setValue(_SHARD_GB)
        self.shard_size.setSuffix(" GB")
        self.shard_size.lineEdit().setTextMargins(7, 0, 7, 0)
        self.shard_size.setToolTip("A shard is at most so large; a tensor that is larger has one for itself")
        self.path.setAccessibleName("File")
        self.path.setObjectName("path")
        browse = QPushButton("&Browse…", self)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.setVerticalSpacing(8)
        form.addRow("&Container", self.container)
        form.addRow("S&hard size", self.shard_size)
        form.addRow("", self.compress)
        label = QLabel("&File", self)
        label.setBuddy(self.path)
        form.addRow(label, row)
        form.addRow("Size", self.weight)
        layout.addSpacing(8)
        layout.addLayout(form)
        self.facts.setProperty("role", "muted")
        self.facts.setWordWrap(True)
        self.facts.setMinimumHeight(2 * self.facts.fontMetrics().lineSpacing())
        self.facts.setObjectName("facts")
        layout.addWidget(self.facts)
        self.remark.setWordWrap(True)
        self.remark.setMinimumHeight(40)
        layout.addWidget(self.remark)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.save = QPushButton("&Save", self)
        self.save.setObjectName("save_now")
        self.save.setProperty("primary", True)
        self.save.setDefault(True)
        self.buttons.addButton(self.save, QDialogButtonBox.ButtonRole.AcceptRole)
        layout.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        browse.clicked.connect(self._browse)
        self.forms.chosen.connect(self._form_chosen)
        self.forms.weighed.connect(self._weighed)
        self.container.activated.connect(self._container_chosen)
        self.compress.toggled.connect(self._refresh)
        self.shard_size.valueChanged.connect(self._refresh)
        self.path.textChanged.connect(self._refresh)

    @property
    def form(self) -> str:
        """The chosen form's name."""
        return self.forms.form

    @property
    def _shard_bytes(self) -> int | None:
        return round(self.shard_size.value() * 1e9) if self.container.choice.shards else None

    def _suggest(self) -> None:
        source = self._source.path
        inside = len(self._source.files) > 1 and source.is_file()
        stem = source.parent.name if inside else source.name if source.is_dir() else source.stem
        folder = source.parent.parent if inside else source.parent
        if source == demo_model() or not os.access(folder, os.W_OK):
            folder = Path.home()
        self.path.setText(str(folder / f"{stem}-pruned{self.container.choice.suffix}"))

    def _form_chosen(self) -> None:
        """The source's own container holds other forms only where it is written anew, too."""
        if not has_place(self._source, self.form) and self.container.choose_written():
            self._container_chosen()
        self._refresh()

    def _container_chosen(self) -> None:
        path = Path(self.path.text())
        stem = path.stem if path.suffix in self.container.suffixes else path.name
        self.path.setText(str(path.with_name(f"{stem}{self.container.choice.suffix}")))
        self._refresh()

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Save as", self.path.text())
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()

    def _refresh(self) -> None:
        """Say what the file will weigh, what is left out, and why it cannot be saved where it cannot."""
        target = Path(self.path.text())
        self.container.choose_suffix(target.suffix)
        shards = self._shard_bytes
        self.shard_size.setEnabled(shards is not None)
        self.remark.setProperty("role", "muted")
        try:
            if not self.path.text().strip():
                raise PrunerError("Give the file a name.")
            container = container_of(self._source, target.absolute(), self.form, shards)
            packs = self._packs(target.absolute())
            self.compress.setEnabled(packs)
            remark = check_target(
                self._source, target.absolute(), self.form, shard_bytes=shards, compress=self._compress
            )
            self.forms.weigh(target.absolute(), shards, self._compress)
            self._show_weight()
            self.facts.setText(f"{self._compression(container.title, packs)} {_NO_FASTER}".strip())
            self.save.setEnabled(True)
        except PrunerError as error:
            remark = str(error)
            self.weight.setText("–")
            self.save.setText("Save")
            self.save.setEnabled(False)
            self.remark.setProperty("role", "error")
        else:
            if remark:
                self.remark.setProperty("role", "warning")
        self.remark.setText(remark)
        self.remark.style().unpolish(self.remark)
        self.remark.style().polish(self.remark)

    @property
    def _compress(self) -> bool:
        return self.compress.isEnabled() and self.compress.isChecked()

    def _compression(self, container: str, packs: bool) -> str:
        """What compressing does not do."""
        if packs:
            return _PACKED if self._compress else ""
        return f"{container} has no compression; choose .pt to compress."

    def _packs(self, path: Path) -> bool:
        """Whether what would be saved there can be compressed."""
        try:
            check_target(self._source, path, self.form, shard_bytes=self._shard_bytes, compress=True)
        except PrunerError:
            return False
        return True

    def _weighed(self) -> None:
        if self.save.isEnabled():
            self._show_weight()

    def _show_weight(self) -> None:
        weight = self.forms.weight
        dense = numbers.size(self._dense)
        verb = "Replace" if Path(self.path.text()).exists() else "Save"
        if weight is None:
            self.weight.setText(f"–; the dense file is {dense}")
            self.save.setText(verb)
            return
        times = f"{weight.nbytes / max(self._dense, 1):.2f} × the dense file ({dense})"
        self.weight.setText(f"{weight_text(weight)}, {times}{'; measured on a sample' if weight.sampled else ''}")
        self.save.setText(f"{verb} {weight_text(weight)}")

    def done(self, result: int) -> None:
        """Close; nothing is weighed any more."""
        self.forms.stop()
        super().done(result)

    def accept(self) -> None:
        """Start saving and close."""
        if not self.save.isEnabled():
            return
        self.forms.remember()
        if self.compress.isEnabled():
            QSettings().setValue(_COMPRESS_KEY, "1" if self.compress.isChecked() else "")
        super().accept()
        self._session.save(Path(self.path.text()).absolute(), self.form, self._shard_bytes, self._compress)
