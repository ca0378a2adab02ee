"""Save as: the form, the container, what the file will weigh, and where it goes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app import numbers
from app.container_box import ContainerBox
from app.plain import plain_label
from app.session import Session
from pruner import PrunerError, Pruning
from pruner.export import check_target, form_named, forms, is_patched, written_bytes
from pruner.formats import writable_format_for
from resources import demo_model

_FORM_KEY = "save/form"
_SHARD_GB = 5.0
"""What the Hugging Face libraries take."""
_EXPLAINED = {
    "permanent": "Zeros under the tensors' own names. Loads everywhere as before; the file keeps its size.",
    "masked": "NAME_orig and NAME_mask, as torch has them while pruning is on. For going on in torch with "
    "prune.identity; pruned tensors take twice the space.",
}


class SaveDialog(QDialog):
    """Saves on the worker thread; the window shows the progress."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert session.checkpoint is not None
        self._session = session
        self._source = session.checkpoint
        self._pruning: Pruning = session.pruning or Pruning()
        self.setWindowTitle("Save pruned checkpoint")
        self.setObjectName("save_dialog")
        self.setMinimumWidth(560)
        self.forms = QButtonGroup(self)
        self.container = ContainerBox(session.checkpoint, self)
        self.shard_size = QDoubleSpinBox(self)
        self.path = QLineEdit(self)
        self.weight = plain_label(self)
        self.remark = plain_label(self)
        self._build()
        self._suggest()
        self._refresh()
        self.path.setFocus()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        remembered = str(QSettings().value(_FORM_KEY, "permanent"))
        for place, name in enumerate(self._names):
            button = QRadioButton(f"&{name.capitalize()} form", self)
            button.setObjectName(f"form_{name}")
            button.setChecked(name == (remembered if remembered in self._names else "permanent"))
            button.setAccessibleDescription(_EXPLAINED.get(name, ""))
            explained = QLabel(_EXPLAINED.get(name, form_named(name).title), self)
            explained.setProperty("role", "muted")
            explained.setWordWrap(True)
            explained.setIndent(24)
            self.forms.addButton(button, place)
            layout.addWidget(button)
            layout.addWidget(explained)
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
        label = QLabel("&File", self)
        label.setBuddy(self.path)
        form.addRow(label, row)
        form.addRow("Size", self.weight)
        layout.addSpacing(8)
        layout.addLayout(form)
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
        self.forms.idToggled.connect(lambda _place, on: self._form_chosen() if on else None)
        self.container.activated.connect(self._container_chosen)
        self.shard_size.valueChanged.connect(self._refresh)
        self.path.textChanged.connect(self._refresh)

    @property
    def _names(self) -> list[str]:
        return sorted(forms(), reverse=True)

    @property
    def form(self) -> str:
        """The chosen form's name."""
        return self._names[self.forms.checkedId()]

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
        if not form_named(self.form).patches and not self._can_write_own() and self.container.choose_written():
            self._container_chosen()
        self._refresh()

    def _can_write_own(self) -> bool:
        return len(self._source.files) == 1 and writable_format_for(self._source.path) is not None

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
            remark = check_target(self._source, target.absolute(), self.form, shard_bytes=shards)
            patched = is_patched(self._source, target.absolute(), self.form, shards)
            size = numbers.size(self._source.file_bytes if patched else self._written_bytes(self.form))
            self.weight.setText(f"about {size}; the source is {numbers.size(self._source.file_bytes)}")
            self.save.setText(f"{'Replace' if target.exists() else 'Save'} {size}")
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

    @cache  # noqa: B019 - the dialog lives as long as what it would save
    def _written_bytes(self, form: str) -> int:
        return written_bytes(self._source, self._pruning, form)

    def accept(self) -> None:
        """Start saving and close."""
        if not self.save.isEnabled():
            return
        QSettings().setValue(_FORM_KEY, self.form)
        super().accept()
        self._session.save(Path(self.path.text()).absolute(), self.form, self._shard_bytes)
