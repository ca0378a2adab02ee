"""Save as: the form, the container, what the file will weigh, and where it goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
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
from app.jobs import Failure
from app.plain import plain_label, plain_tip
from app.session import Session
from pruner import PrunerError, Pruning
from pruner.estimate import Weight, dense_bytes, weigh_all
from pruner.export import check_target, container_of, form_named, forms, has_place
from resources import demo_model

_FORM_KEY = "save/form"
_COMPRESS_KEY = "save/compress"
_ORDER = ("permanent", "masked", "masks", "reversible")
_SHARD_GB = 5.0
"""What the Hugging Face libraries take."""
_EXPLAINED = {
    "permanent": "Zeros under the tensors' own names. Loads everywhere as before; without compression the file "
    "keeps its size.",
    "masked": "NAME_orig and NAME_mask, as torch has them while pruning is on. For going on in torch with "
    "prune.identity; pruned tensors take twice the space.",
    "masks": "NAME_mask for each pruned tensor and nothing else, for custom_from_mask.",
    "reversible": "The original values, and beside them the masks at one bit an element with the rounds. Secateur "
    "opens it pruned and can undo that; others load the values as they were.",
}
_TITLES = {
    "permanent": "&Permanent form",
    "masked": "&Masked form",
    "masks": "Masks &alone",
    "reversible": "&Reversible form",
}
_SLOT = "weights of forms"
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
        self._pruning: Pruning = session.pruning or Pruning()
        self.setWindowTitle("Save pruned checkpoint")
        self.setObjectName("save_dialog")
        self.setMinimumWidth(560)
        self.forms = QButtonGroup(self)
        self.container = ContainerBox(session.checkpoint, self)
        self.shard_size = QDoubleSpinBox(self)
        self.path = QLineEdit(self)
        self.weights: dict[str, QLabel] = {}
        self.compress = QCheckBox("C&ompress", self)
        self.facts = plain_label(self)
        self.weight = plain_label(self)
        self.remark = plain_label(self)
        self._dense = dense_bytes(self._source)
        self._known: dict[str, Weight | str] = {}
        self._asked: object = None
        self._build()
        self._suggest()
        self._refresh()
        self.path.setFocus()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(self._form_grid())
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
        self.forms.idToggled.connect(lambda _place, on: self._form_chosen() if on else None)
        self.container.activated.connect(self._container_chosen)
        self.compress.toggled.connect(self._refresh)
        self.shard_size.valueChanged.connect(self._refresh)
        self.path.textChanged.connect(self._refresh)

    def _form_grid(self) -> QGridLayout:
        """The forms, each with what it is and, to the right, what its file would weigh."""
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(0, 1)
        remembered = str(QSettings().value(_FORM_KEY, "permanent"))
        for place, name in enumerate(self._names):
            button = QRadioButton(_TITLES.get(name, f"{name.capitalize()} form"), self)
            button.setObjectName(f"form_{name}")
            button.setChecked(name == (remembered if remembered in self._names else "permanent"))
            button.setAccessibleDescription(_EXPLAINED.get(name, ""))
            explained = QLabel(_EXPLAINED.get(name, form_named(name).title), self)
            explained.setProperty("role", "muted")
            explained.setWordWrap(True)
            explained.setIndent(24)
            weight = self.weights[name] = plain_label(self)
            weight.setObjectName(f"weight_{name}")
            weight.setAccessibleName(f"Size of the {name} form")
            weight.setMinimumWidth(weight.fontMetrics().horizontalAdvance("≈ 1000.0 MiB"))
            weight.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.forms.addButton(button, place)
            grid.addWidget(button, 2 * place, 0)
            grid.addWidget(weight, 2 * place, 1)
            grid.addWidget(explained, 2 * place + 1, 0, 1, 2)
        return grid

    @property
    def _names(self) -> list[str]:
        return sorted(forms(), key=lambda name: (*_ORDER, name).index(name))

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
            self._weigh(target.absolute(), shards)
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

    def _weigh(self, path: Path, shards: int | None) -> None:
        """Have the forms weighed behind the window, where the container is another than before."""
        asked = (path.suffix, shards, self._compress)
        if asked == self._asked:
            return
        self._asked, self._known = asked, {}
        for label in self.weights.values():
            label.setText("…")
        steps = weigh_all(self._source, self._pruning, path, self._names, shard_bytes=shards, compress=self._compress)
        self._session.view.request(_SLOT, steps, self._weighed, self._not_weighed)

    def _weighed(self, found: Mapping[str, Weight | str]) -> None:
        self._known |= found
        for name, weight in found.items():
            self.weights[name].setText(_text(weight) if isinstance(weight, Weight) else "–")
            self.weights[name].setToolTip("" if isinstance(weight, Weight) else plain_tip(weight))
        if self.save.isEnabled():
            self._show_weight()

    def _not_weighed(self, failure: Failure) -> None:
        for name in self._names:
            if name not in self._known:
                self._weighed({name: failure.text})

    def _show_weight(self) -> None:
        weight = self._known.get(self.form)
        dense = numbers.size(self._dense)
        verb = "Replace" if Path(self.path.text()).exists() else "Save"
        if not isinstance(weight, Weight):
            self.weight.setText(f"–; the dense file is {dense}")
            self.save.setText(verb)
            return
        times = f"{weight.nbytes / max(self._dense, 1):.2f} × the dense file ({dense})"
        self.weight.setText(f"{_text(weight)}, {times}{'; measured on a sample' if weight.sampled else ''}")
        self.save.setText(f"{verb} {_text(weight)}")

    def done(self, result: int) -> None:
        """Close; nothing is weighed any more."""
        self._session.view.drop(_SLOT)
        super().done(result)

    def accept(self) -> None:
        """Start saving and close."""
        if not self.save.isEnabled():
            return
        QSettings().setValue(_FORM_KEY, self.form)
        if self.compress.isEnabled():
            QSettings().setValue(_COMPRESS_KEY, "1" if self.compress.isChecked() else "")
        super().accept()
        self._session.save(Path(self.path.text()).absolute(), self.form, self._shard_bytes, self._compress)


def _text(weight: Weight) -> str:
    return f"{'≈ ' if weight.sampled else ''}{numbers.size(weight.nbytes)}"
