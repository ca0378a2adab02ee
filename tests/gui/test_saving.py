"""Saving: what each form will weigh, compression, and reversible files that open pruned."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QRadioButton

from app.save_dialog import SaveDialog
from pruner import Amount
from tests.gui.acting import opened
from tests.gui.models import open_and_count, save_net
from tests.gui.test_panels import type_path

WEIGHT = "features.3.weight"
FORMS = ("permanent", "masked", "masks", "reversible")


@pytest.fixture
def dialog(qtbot, session, tmp_path: Path) -> SaveDialog:
    """The dialog that saves a network of which half of one weight is pruned."""
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.set_amounts([WEIGHT], Amount(0.9))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    dialog = SaveDialog(session)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def weights(dialog: SaveDialog) -> dict[str, str]:
    return {name: dialog.findChild(QLabel, f"weight_{name}").text() for name in FORMS}


def weighed(qtbot, dialog: SaveDialog) -> dict[str, str]:
    qtbot.waitUntil(lambda: all(text not in ("", "…") for text in weights(dialog).values()), timeout=10_000)
    return weights(dialog)


def test_that_each_form_is_weighed_before_it_is_saved(qtbot, dialog, tmp_path):
    type_path(qtbot, dialog, tmp_path / "out.pt")
    plain = weighed(qtbot, dialog)
    assert all(text.endswith("B") and "≈" not in text for text in plain.values())
    assert "1.00 × the dense file" in dialog.weight.text()
    compress = dialog.findChild(QCheckBox, "compress")
    assert "kernel" in dialog.facts.text()
    compress.setFocus()
    qtbot.keyClick(compress, Qt.Key.Key_Space)
    smaller = weighed(qtbot, dialog)
    assert all(text.startswith("≈") for text in smaller.values())
    assert "measured on a sample" in dialog.weight.text()
    assert "mmap=True" in dialog.facts.text()
    with qtbot.waitSignal(dialog._session.saved, timeout=10_000) as saved:
        dialog.findChild(QPushButton, "save_now").click()
    assert saved.args[0].nbytes < (tmp_path / "net.pt").stat().st_size
    assert int((torch.load(tmp_path / "out.pt", weights_only=True)[WEIGHT] == 0).sum()) > 500


def test_that_safetensors_offers_pt_to_compress(qtbot, dialog, tmp_path):
    type_path(qtbot, dialog, tmp_path / "out.safetensors")
    weighed(qtbot, dialog)
    assert not dialog.findChild(QCheckBox, "compress").isEnabled()
    assert "safetensors has no compression; choose .pt to compress" in dialog.facts.text()


def test_that_a_reversible_file_opens_pruned_and_undo_takes_it_off(qtbot, session, dialog, tmp_path):
    dialog.findChild(QRadioButton, "form_reversible").click()
    type_path(qtbot, dialog, tmp_path / "out.pt")
    with qtbot.waitSignal(session.saved, timeout=10_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    before = session.pruning
    window = opened(qtbot, session, tmp_path / "out.pt")
    assert session.pruning is not None
    assert session.pruning is not before
    assert session.pruning[WEIGHT] == before[WEIGHT]
    assert not session.unsaved
    assert session.undo_label == "stored pruning of 1 tensor"
    session.undo()
    assert session.pruning is None
    session.redo()
    assert session.pruning[WEIGHT].mask == before[WEIGHT].mask
    assert window.isVisible()


def test_that_a_reversible_file_whose_record_is_damaged_opens_with_its_values(qtbot, session, dialog, tmp_path):
    dialog.findChild(QRadioButton, "form_reversible").click()
    type_path(qtbot, dialog, tmp_path / "out.safetensors")
    with qtbot.waitSignal(session.saved, timeout=10_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    out = tmp_path / "out.safetensors"
    out.write_bytes(out.read_bytes().replace(b'\\"l1_unstructured\\"', b'\\"l7_unstructured\\"'))
    told = []
    session.message.connect(lambda message: told.append(message.text))
    open_and_count(qtbot, session, out)
    assert session.pruning is None
    assert any("its pruning cannot be told" in text and "The values are whole" in text for text in told)
