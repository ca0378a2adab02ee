"""The forms to save in: what each of them is, and what its file would weigh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QLabel, QRadioButton, QWidget

from app import numbers
from app.jobs import Failure
from app.plain import plain_label, plain_tip
from app.session import Session
from pruner import Checkpoint, Pruning
from pruner.estimate import Weight, weigh_all
from pruner.export import form_named, forms

_KEY = "save/form"
_SLOT = "weights of forms"
_ORDER = ("permanent", "masked", "masks", "reversible")
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


class FormChoice(QWidget):
    """A button for each form; the weights are found on the view lane and fill in."""

    chosen = Signal()
    """Another form was chosen."""
    weighed = Signal()
    """More weights are known."""

    def __init__(self, session: Session, source: Checkpoint, pruning: Pruning, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lane = session.view
        self._source, self._pruning = source, pruning
        self._names = sorted(forms(), key=lambda name: (*_ORDER, name).index(name))
        self._buttons = QButtonGroup(self)
        self._labels: dict[str, QLabel] = {}
        self._known: dict[str, Weight | str] = {}
        self._asked: object = None
        self._build()
        self._buttons.idToggled.connect(lambda _place, on: self.chosen.emit() if on else None)

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(0, 1)
        remembered = str(QSettings().value(_KEY, "permanent"))
        for place, name in enumerate(self._names):
            button = QRadioButton(_TITLES.get(name, f"{name.capitalize()} form"), self)
            button.setObjectName(f"form_{name}")
            button.setChecked(name == (remembered if remembered in self._names else "permanent"))
            button.setAccessibleDescription(_EXPLAINED.get(name, ""))
            explained = QLabel(_EXPLAINED.get(name, form_named(name).title), self)
            explained.setProperty("role", "muted")
            explained.setWordWrap(True)
            explained.setIndent(24)
            weight = self._labels[name] = plain_label(self)
            weight.setObjectName(f"weight_{name}")
            weight.setAccessibleName(f"Size of the {name} form")
            weight.setMinimumWidth(weight.fontMetrics().horizontalAdvance("≈ 1000.0 MiB"))
            weight.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._buttons.addButton(button, place)
            grid.addWidget(button, 2 * place, 0)
            grid.addWidget(weight, 2 * place, 1)
            grid.addWidget(explained, 2 * place + 1, 0, 1, 2)

    @property
    def form(self) -> str:
        """The chosen form's name."""
        return self._names[self._buttons.checkedId()]

    @property
    def weight(self) -> Weight | None:
        """What a file of the chosen form would weigh; None while that is not known, or where it cannot be."""
        found = self._known.get(self.form)
        return found if isinstance(found, Weight) else None

    def remember(self) -> None:
        """Have the chosen form be the first choice the next time."""
        QSettings().setValue(_KEY, self.form)

    def weigh(self, path: Path, shard_bytes: int | None, compress: bool) -> None:
        """Have the forms weighed behind the window, where the container is another than before."""
        asked = (path.suffix, shard_bytes, compress)
        if asked == self._asked:
            return
        self._asked, self._known = asked, {}
        for label in self._labels.values():
            label.setText("…")
        steps = weigh_all(self._source, self._pruning, path, self._names, shard_bytes=shard_bytes, compress=compress)
        self._lane.request(_SLOT, steps, self._weighed, self._not_weighed)

    def stop(self) -> None:
        """Weigh nothing any more."""
        self._lane.drop(_SLOT)

    def _weighed(self, found: Mapping[str, Weight | str]) -> None:
        self._known |= found
        for name, weight in found.items():
            self._labels[name].setText(weight_text(weight) if isinstance(weight, Weight) else "–")
            self._labels[name].setToolTip("" if isinstance(weight, Weight) else plain_tip(weight))
        self.weighed.emit()

    def _not_weighed(self, failure: Failure) -> None:
        self._weighed({name: failure.text for name in self._names if name not in self._known})


def weight_text(weight: Weight) -> str:
    """A size, with a sign where it was measured on a sample."""
    return f"{'≈ ' if weight.sampled else ''}{numbers.size(weight.nbytes)}"
