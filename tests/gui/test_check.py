"""The doctor in the window: examined, read, repaired, taken back, saved."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QDockWidget
from torch.nn.utils import prune as torch_prune

from app.findings_model import Column
from pruner import open_checkpoint, save
from tests.gui.acting import opened


@pytest.fixture
def ill(tmp_path: Path) -> Path:
    """A masked tensor, a NaN, and a mask of nothing."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 4))
    torch_prune.l1_unstructured(net[0], "weight", 0.5)
    state = {**net.state_dict(), "1.bias_mask": torch.ones(4)}
    state["1.weight"][0, 0] = float("nan")
    torch.save(state, tmp_path / "ill.pt")
    return tmp_path / "ill.pt"


@pytest.fixture
def panel(qtbot, session, ill: Path):
    window = opened(qtbot, session, ill)
    panel = window.findChild(QDockWidget, "dock_check").widget()
    QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal, panel)
    window.actions_["examine"].trigger()
    qtbot.waitUntil(lambda: panel.model.rowCount() > 0, timeout=20_000)
    return panel


def checks(panel) -> list[str]:
    return [panel.model.finding(row).check for row in range(panel.model.rowCount())]


def tick(panel, check: str) -> None:
    index = panel.model.index(checks(panel).index(check), Column.REPAIR)
    assert panel.model.setData(index, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)


def repair(qtbot, session, panel) -> None:
    qtbot.mouseClick(panel.repair, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(session.repairs) and not session.work.busy, timeout=20_000)


def test_that_faults_come_first_and_say_what_they_mean(panel):
    assert checks(panel) == ["not_finite", "orphans", "renamed_keys"]
    assert panel.told.text() == "2 faults · 1 note"
    assert "NaN" in panel.meaning.toPlainText()
    assert [one.check for one in panel.model.chosen] == ["not_finite", "orphans"]


def test_that_repairs_are_done_undone_and_saved(qtbot, session, panel, tmp_path: Path):
    tick(panel, "renamed_keys")
    assert panel.repair.text() == "Repair 3 findings"
    repair(qtbot, session, panel)
    assert list(session.checkpoint.tensors) == ["0.bias", "0.weight", "1.weight", "1.bias"]
    assert session.pruning["0.weight"].pruned == 24
    assert not panel.repair.isEnabled()
    assert panel.model.data(panel.model.index(0, Column.REPAIR)).startswith("Done")
    session.undo()
    assert "0.weight_mask" in session.checkpoint.tensors
    assert session.pruning is None
    assert panel.repair.text() == "Repair 3 findings"
    session.redo()
    session.save(tmp_path / "out.pt", "permanent")
    qtbot.waitUntil(lambda: (tmp_path / "out.pt").exists() and not session.work.busy, timeout=20_000)
    loaded = torch.load(tmp_path / "out.pt", weights_only=True)
    assert not any(value.isnan().any() for value in loaded.values())
    assert int((loaded["0.weight"] == 0).sum()) == 24


def test_that_space_ticks_a_repair_anywhere_in_its_row_and_return_repairs(qtbot, session, panel):
    panel.table.setFocus()
    row = checks(panel).index("orphans")
    panel.table.setCurrentIndex(panel.model.index(row, Column.SEVERITY))
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    assert panel.repair.text() == "Repair 1 finding"
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    assert panel.repair.text() == "Repair 2 findings"
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(session.repairs) == 2 and not session.work.busy, timeout=20_000)
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    assert panel.repair.text() == "Repair", "what is done cannot be ticked"


def test_that_one_repair_after_another_is_the_same_as_both(qtbot, session, panel):
    repair(qtbot, session, panel)
    assert "1.bias_mask" not in session.checkpoint.tensors
    tick(panel, "renamed_keys")
    qtbot.mouseClick(panel.repair, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.repairs) == 3 and not session.work.busy, timeout=20_000)
    assert list(session.checkpoint.tensors) == ["0.bias", "0.weight", "1.weight", "1.bias"]
    assert set(session.pruning) == {"0.weight", "1.weight"}


def test_that_a_repaired_document_is_pruned_on(qtbot, session, panel):
    tick(panel, "renamed_keys")
    repair(qtbot, session, panel)
    from pruner import Amount

    session.set_amounts(["0.weight"], Amount.of(0.5))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning["0.weight"].pruned == 36 and not session.work.busy, timeout=20_000)
    session.undo()
    session.undo()
    session.undo()
    assert session.pruning is None


def test_that_another_file_has_no_findings_yet(qtbot, session, panel, ill: Path):
    checkpoint = open_checkpoint(ill)
    from pruner import Pruning

    save(checkpoint, Pruning(), ill.with_name("copy.pt"))
    session.open(ill.with_name("copy.pt"))
    qtbot.waitUntil(lambda: session.checkpoint.path.name == "copy.pt", timeout=20_000)
    assert panel.model.rowCount() == 0
    assert panel.examine.isEnabled()


def test_that_a_sound_file_is_told_so(qtbot, session, tmp_path: Path):
    torch.save({"a.weight": torch.randn(4, 4)}, tmp_path / "sound.pt")
    window = opened(qtbot, session, tmp_path / "sound.pt")
    panel = window.findChild(QDockWidget, "dock_check").widget()
    qtbot.mouseClick(panel.examine, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.told.text().startswith("Nothing was found"), timeout=20_000)
