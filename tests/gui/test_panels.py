"""The panels around the tree: state_dict, saving, the tensor, dropping a file."""

from pathlib import Path

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QLineEdit, QPushButton, QRadioButton

from app.main_window import MainWindow
from app.recent import recent_files
from app.save_dialog import SaveDialog
from app.state_dict_panel import StateDictPanel
from app.tensor_panel import TensorPanel
from app.theme import current
from pruner import Amount
from tests.gui.models import open_and_count, save_net

WEIGHT = "features.3.weight"


@pytest.fixture
def pruned(qtbot, session, tmp_path: Path):
    """A session in which half of one weight is pruned."""
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.set_amounts(["features.3.weight"], Amount(0.5))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    return session


def keys(model) -> list[str]:
    return [model.row_at(row).key for row in range(model.rowCount())]


def test_that_the_state_dict_is_shown_in_torchs_order_in_both_forms(qtbot, pruned, tmp_path):
    panel = StateDictPanel(pruned)
    qtbot.addWidget(panel)
    fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
    panel.testers = [QAbstractItemModelTester(model, fatal) for model in (panel.before, panel.after)]
    panel.show()
    pruned.pruning_changed.emit()
    net = save_net(tmp_path / "again.pt")
    before = list(net.state_dict())
    torch_prune.l1_unstructured(net.features[3], "weight", 0.5)
    qtbot.waitUntil(lambda: keys(panel.after) == list(net.state_dict()))
    assert keys(panel.before) == before
    panel.findChild(QRadioButton, "show_permanent").click()
    qtbot.waitUntil(lambda: keys(panel.after) == before)
    panel.only_changes.click()
    assert keys(panel.after) == keys(panel.before) == ["features.3.weight"]
    assert panel.after.row_at(0).note == "576 pruned to 0"


def test_that_choosing_a_key_selects_its_tensor(qtbot, pruned):
    panel = StateDictPanel(pruned)
    qtbot.addWidget(panel)
    panel.show()
    pruned.pruning_changed.emit()
    qtbot.waitUntil(lambda: "features.3.weight_mask" in keys(panel.after))
    row = keys(panel.after).index("features.3.weight_mask")
    index = panel.after.index(row, 1)
    panel.after_view.scrollTo(index)
    place = panel.after_view.visualRect(index).center()
    qtbot.mouseClick(panel.after_view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert pruned.current == "features.3.weight"
    qtbot.keyClick(panel.after_view, Qt.Key.Key_Down)
    assert pruned.current == "classifier.weight"


def test_that_a_chosen_key_still_has_the_tint_of_what_became_of_it(qtbot, pruned):
    panel = StateDictPanel(pruned)
    qtbot.addWidget(panel)
    panel.resize(900, 400)
    panel.show()
    pruned.pruning_changed.emit()
    qtbot.waitUntil(lambda: f"{WEIGHT}_mask" in keys(panel.after))
    view, index = panel.before_view, panel.before.index(keys(panel.before).index(WEIGHT), 2)
    assert index.data(Qt.ItemDataRole.BackgroundRole).name().upper() == current().removed
    view.selectRow(index.row())
    image, cell = view.viewport().grab().toImage(), view.visualRect(index)
    assert image.pixelColor(cell.topRight() - QPoint(3, -3)).name().upper() == current().removed
    assert image.pixelColor(cell.center().x(), cell.top()).name().upper() == current().accent


def type_path(qtbot, dialog: SaveDialog, path: Path) -> None:
    line = dialog.findChild(QLineEdit, "path")
    line.selectAll()
    qtbot.keyClicks(line, str(path))


def test_that_the_dialog_says_what_will_happen_before_it_does(qtbot, pruned, tmp_path):
    dialog = SaveDialog(pruned)
    qtbot.addWidget(dialog)
    dialog.show()
    save = dialog.findChild(QPushButton, "save_now")
    type_path(qtbot, dialog, tmp_path / "net.pt")
    assert not save.isEnabled()
    assert "the source" in dialog.remark.text()
    type_path(qtbot, dialog, tmp_path / "nowhere" / "out.pt")
    assert not save.isEnabled()
    type_path(qtbot, dialog, tmp_path / "out.xyz")
    assert "ending" in dialog.remark.text()
    (tmp_path / "there.pt").write_bytes(b"old")
    type_path(qtbot, dialog, tmp_path / "there.pt")
    assert save.text().startswith("Replace")
    type_path(qtbot, dialog, tmp_path / "out.safetensors")
    assert save.isEnabled()
    assert dialog.container.choice.suffix == ".safetensors", "the container follows the name's ending"
    dialog.findChild(QRadioButton, "form_masked").click()
    with qtbot.waitSignal(pruned.saved, timeout=10_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert (tmp_path / "out.safetensors").stat().st_size > 0
    assert not pruned.unsaved


def choose(qtbot, dialog: SaveDialog, title: str) -> None:
    """Choose a container from the box by typing the beginning of its title."""
    dialog.container.setFocus()
    qtbot.keyClicks(dialog.container, title)
    dialog.container.activated.emit(dialog.container.currentIndex())
    assert dialog.container.currentText().startswith(title)


def test_that_shards_are_saved_by_the_size_that_is_typed(qtbot, pruned, tmp_path):
    dialog = SaveDialog(pruned)
    qtbot.addWidget(dialog)
    dialog.show()
    size = dialog.findChild(QDoubleSpinBox, "shard_size")
    assert not size.isEnabled()
    choose(qtbot, dialog, "Folder of shards: s")
    assert size.isEnabled()
    assert Path(dialog.path.text()).name == "net-pruned"
    type_path(qtbot, dialog, tmp_path / "shards")
    size.selectAll()
    qtbot.keyClicks(size, "0.01")
    with qtbot.waitSignal(pruned.saved, timeout=10_000):
        dialog.findChild(QPushButton, "save_now").click()
    names = {file.name for file in (tmp_path / "shards").iterdir()}
    assert names == {"model-00001-of-00001.safetensors", "model.safetensors.index.json"}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated:DeprecationWarning")
def test_that_a_script_is_saved_as_a_script_or_its_masked_form_elsewhere(qtbot, session, tmp_path):
    net = save_net(tmp_path / "unused.pt")
    torch.jit.save(torch.jit.script(net), tmp_path / "net.jit")
    open_and_count(qtbot, session, tmp_path / "net.jit")
    session.set_amounts(["features.3.weight"], Amount(0.5))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    dialog = SaveDialog(session)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.findChild(QRadioButton, "form_permanent").click()
    assert Path(dialog.path.text()).name == "net-pruned.jit"
    dialog.findChild(QRadioButton, "form_masked").click()
    assert Path(dialog.path.text()).suffix in (".pt", ".safetensors")
    dialog.findChild(QRadioButton, "form_permanent").click()
    choose(qtbot, dialog, ".jit")
    type_path(qtbot, dialog, tmp_path / "out.jit")
    with qtbot.waitSignal(session.saved, timeout=10_000):
        dialog.findChild(QPushButton, "save_now").click()
    weight = torch.jit.load(tmp_path / "out.jit").state_dict()["features.3.weight"]
    assert int((weight == 0).sum()) == weight.numel() // 2


def test_that_the_tensor_is_shown_with_the_element_under_the_cursor(qtbot, pruned, tmp_path):
    panel = TensorPanel(pruned)
    qtbot.addWidget(panel)
    panel.resize(700, 600)
    panel.show()
    pruned.select(["features.3.weight"])
    qtbot.waitUntil(lambda: panel.map.canvas.tile is not None and panel.figures.item(2, 1) is not None, timeout=10_000)
    weight = torch.load(tmp_path / "net.pt")["features.3.weight"]
    kept = pruned.pruning["features.3.weight"].mask.to_bools()
    for out, inside, y, x in ((0, 0, 0, 0), (5, 3, 2, 1), (15, 7, 2, 2)):
        said = panel.map.describe(3 * inside + x + 0.5, 3 * out + y + 0.5)
        value = f"{float(weight[out, inside, y, x]):.4g}".replace("-", "−")
        end = "" if kept[out, inside, y, x] else " → pruned"
        assert said == f"out {out}, in {inside}, ky {y}, kx {x} · {value}{end}"
    assert panel.map.describe(-1, 0) == ""
    qtbot.waitUntil(lambda: panel.figures.item(2, 1).text() == "576", timeout=10_000)
    pruned.set_amounts(["features.3.weight"], Amount(100))
    qtbot.waitUntil(lambda: "100 of 576" in panel._cut[0].text())


def test_that_a_dropped_file_opens_and_is_remembered(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "net.pt"))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, data, left, none)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    qtbot.waitUntil(lambda: session.checkpoint is not None, timeout=10_000)
    assert session.checkpoint.path == tmp_path / "net.pt"
    assert recent_files() == [tmp_path / "net.pt"]
    assert window.windowTitle() == "net.pt[*] — Secateur"


def test_that_names_are_shown_as_they_are_and_never_as_markup(qtbot, session, tmp_path):
    name = "<b>a</b>.<img src='x'>w&eight"
    torch.save({name: torch.randn(8, 8)}, tmp_path / "m.pt")
    window = MainWindow(session)
    qtbot.addWidget(window)
    open_and_count(qtbot, session, tmp_path / "m.pt")
    title = window.tensor.findChild(QLabel, "tensor_name")
    assert (title.text(), title.textFormat()) == (name, Qt.TextFormat.PlainText)
    tip = window.tree.model.index_of(name).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip
    assert "&lt;img" in tip
    session.set_amounts([name], Amount(0.5))
    assert window.actions_["undo"].text() == f"Undo amount of {name.replace('&', '&&')}"


def test_that_the_three_pictures_are_of_one_size(qtbot, pruned):
    panel = TensorPanel(pruned)
    qtbot.addWidget(panel)
    panel.resize(700, 600)
    panel.show()
    pruned.select(["features.3.weight"])
    qtbot.waitUntil(lambda: panel.map.canvas.tile is not None, timeout=10_000)
    qtbot.wait(100)
    sizes = {(round(pane.area.width()), round(pane.area.height())) for pane in panel.map.canvas.panes}
    assert len(sizes) == 1
    ranges = {pane.camera for pane in panel.map.canvas.panes}
    assert len(ranges) == 1


def test_that_nothing_is_opened_while_a_job_runs(qtbot, session, tmp_path):
    torch.save({"w": torch.randn(30_000_000)}, tmp_path / "large.pt")
    save_net(tmp_path / "net.pt")
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    session.open(tmp_path / "large.pt")
    qtbot.waitUntil(lambda: session.checkpoint is not None and not session.work.busy, timeout=10_000)
    session.set_amounts(["w"], Amount(0.5))
    session.prune()
    window.open(tmp_path / "net.pt")
    session.set_amounts(["w"], Amount(20_000_000))
    qtbot.waitUntil(lambda: session.pruning is not None and not session.work.busy, timeout=30_000)
    assert session.checkpoint.path == tmp_path / "large.pt"
    assert "net.pt is not opened" in window.banner.text.text()
    assert session.amounts == {}, "what was planned meanwhile does not fit any more"
