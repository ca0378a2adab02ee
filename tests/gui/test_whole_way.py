"""The whole way through the window, as a user goes it."""

from pathlib import Path

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton, QRadioButton

from app.main_window import MainWindow
from app.save_dialog import SaveDialog
from app.tree_columns import Column
from pruner import Amount
from tests.gui.models import open_and_count, save_net

FIRST, SECOND = "features.3.weight", "classifier.weight"


@pytest.fixture
def window(qtbot, session):
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    window.show()
    return window


def type_amount(window: MainWindow, qtbot, name: str, text: str) -> None:
    tree = window.tree
    index = tree.model.index_of(name)
    tree.view.scrollTo(index)
    qtbot.mouseClick(tree.view.viewport(), Qt.MouseButton.LeftButton, pos=tree.view.visualRect(index).center())
    qtbot.keyClick(tree.view, text[0])
    editor = tree.view.findChildren(QLineEdit, "amount_editor")[-1]
    qtbot.keyClicks(editor, text[1:])
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    QCoreApplication.processEvents()


def save_as(window: MainWindow, qtbot, path: Path, form: str) -> None:
    with qtbot.waitSignal(window.session.saved, timeout=10_000):
        window.actions_["save"].trigger()
        dialog = window.findChildren(SaveDialog)[-1]
        dialog.findChild(QRadioButton, f"form_{form}").click()
        line = dialog.findChild(QLineEdit, "path")
        line.selectAll()
        qtbot.keyClicks(line, str(path))
        qtbot.mouseClick(dialog.findChild(QPushButton, "save_now"), Qt.MouseButton.LeftButton)


def wait_idle(qtbot, session) -> None:
    qtbot.waitUntil(lambda: not session.work.busy, timeout=20_000)


def keys_after(window: MainWindow) -> list[str]:
    panel = window.findChild(object, "state_dict_panel")
    return [panel.after.row_at(row).key for row in range(panel.after.rowCount())]


def test_that_a_user_gets_from_a_file_to_checkpoints_that_plain_torch_loads(qtbot, window, session, tmp_path):
    net = save_net(tmp_path / "net.pt")
    source = (tmp_path / "net.pt").read_bytes()
    window.open(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")

    type_amount(window, qtbot, FIRST, "30%")
    type_amount(window, qtbot, SECOND, "100")
    assert session.amounts == {FIRST: Amount(0.3), SECOND: Amount(100)}
    assert window.tools.prune.text() == "Prune 2 tensors"
    qtbot.mouseClick(window.tools.prune, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    wait_idle(qtbot, session)
    assert window.isWindowModified()
    torch_prune.l1_unstructured(net.features[3], "weight", 0.3)
    torch_prune.l1_unstructured(net.classifier, "weight", 100)
    assert torch.equal(session.pruning[FIRST].mask.to_tensor(), net.features[3].weight_mask.bool())
    assert torch.equal(session.pruning[SECOND].mask.to_tensor(), net.classifier.weight_mask.bool())

    qtbot.waitUntil(lambda: keys_after(window) == list(net.state_dict()), timeout=10_000)
    window.tree.view.setCurrentIndex(window.tree.model.index_of(FIRST))
    qtbot.waitUntil(lambda: session.current == FIRST)
    shown = window.tensor.map.canvas
    qtbot.waitUntil(lambda: shown.tile is not None and shown.tile.layout.shape == (16, 8, 3, 3), timeout=10_000)
    qtbot.waitUntil(lambda: shown.tile.density.mean() == pytest.approx(1 - 346 / 1152), timeout=10_000)

    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.pruning is None
    assert session.amounts == {FIRST: Amount(0.3), SECOND: Amount(100)}
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert session.pruning[FIRST].pruned == 346

    type_amount(window, qtbot, FIRST, "0.5")
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(session.pruning[FIRST].rounds) == 2, timeout=20_000)
    wait_idle(qtbot, session)
    torch_prune.l1_unstructured(net.features[3], "weight", 0.5)

    save_as(window, qtbot, tmp_path / "permanent.pt", "permanent")
    save_as(window, qtbot, tmp_path / "masked.pt", "masked")
    assert not window.isWindowModified()
    assert (tmp_path / "net.pt").read_bytes() == source
    masked = torch.load(tmp_path / "masked.pt", weights_only=True)
    assert list(masked) == list(net.state_dict())
    assert all(torch.equal(masked[key], value) for key, value in net.state_dict().items())
    for module in (net.features[3], net.classifier):
        torch_prune.remove(module, "weight")
    permanent = torch.load(tmp_path / "permanent.pt", weights_only=True)
    assert set(permanent) == set(net.state_dict())
    assert all(torch.equal(permanent[key], value) for key, value in net.state_dict().items())


def test_that_a_file_that_cannot_be_opened_leaves_the_document(qtbot, window, session, tmp_path):
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.set_amounts([FIRST], Amount(0.3))
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 and nothing else")
    window.open(tmp_path / "broken.pt")
    qtbot.waitUntil(window.banner.isVisible, timeout=10_000)
    assert "broken.pt" in window.banner.text.text()
    assert session.checkpoint.path == tmp_path / "net.pt"
    assert session.amounts == {FIRST: Amount(0.3)}


def test_that_cancelling_leaves_everything_as_it_was(qtbot, window, session, tmp_path):
    torch.save({"weight": torch.randn(30_000_000)}, tmp_path / "large.pt")
    window.open(tmp_path / "large.pt")
    qtbot.waitUntil(lambda: session.checkpoint is not None, timeout=10_000)
    session.set_amounts(["weight"], Amount(0.5))
    with qtbot.waitSignal(session.work.progressed, timeout=20_000):
        window.actions_["prune"].trigger()
    assert window.statusBar().cancel.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    wait_idle(qtbot, session)
    assert session.pruning is None
    assert session.amounts == {"weight": Amount(0.5)}


def test_that_closing_with_unsaved_pruning_asks_once(qtbot, window, session, tmp_path):
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.set_amounts([FIRST], Amount(0.3))
    session.prune()
    qtbot.waitUntil(lambda: session.unsaved, timeout=20_000)
    assert not window.close()
    box = window.findChild(object, "unsaved")
    assert box.isVisible()
    box.button(box.StandardButton.Cancel).click()
    assert window.isVisible()
    window.close()
    box = window.findChildren(type(box), "unsaved")[-1]
    box.button(box.StandardButton.Discard).click()
    qtbot.waitUntil(lambda: not window.isVisible())


def test_that_the_palette_runs_a_command_by_its_name(qtbot, window, session, tmp_path):
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.set_amounts([FIRST], Amount(0.3))
    window.actions_["palette"].trigger()
    palette = window.findChild(object, "command_palette")
    qtbot.keyClicks(palette.search, "clear all")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert session.amounts == {}


def test_that_the_cell_of_an_amount_reads_the_same_in_the_tree_and_at_the_right(qtbot, window, session, tmp_path):
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.select([FIRST])
    amount = window.findChild(QLineEdit, "amount")
    amount.setFocus()
    qtbot.keyClicks(amount, "1000")
    qtbot.keyClick(amount, Qt.Key.Key_Return)
    assert session.amounts == {FIRST: Amount(1000)}
    assert window.tree.model.index_of(FIRST, Column.AMOUNT).data() == "1\u202f000 el."
    amount.selectAll()
    qtbot.keyClicks(amount, "2000")
    qtbot.keyClick(amount, Qt.Key.Key_Return)
    assert amount.property("wrong")
    assert session.amounts == {FIRST: Amount(1000)}
