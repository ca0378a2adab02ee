"""The table of all elements, as a user reads, copies and saves them."""

import csv
import io
import time

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QFileDialog, QLineEdit, QToolButton

from app.values_model import ROWS, WAITING
from app.values_panel import ValuesPanel
from pruner import Amount
from tests.gui.models import open_and_count


@pytest.fixture
def panel(qtbot, session, request):
    panel = ValuesPanel(session)
    qtbot.addWidget(panel, before_close_func=lambda _: session.forget_pruning())
    panel.resize(640, 420)
    if "many_rows" not in request.node.name:  # the tester looks at each cell after each signal
        panel.tester = QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    panel.show()
    session.told = []
    session.message.connect(lambda message: session.told.append(message.text))
    return panel


def shown(qtbot, panel: ValuesPanel, path, values: torch.Tensor) -> None:
    torch.save({"w": values}, path)
    session = panel._session
    open_and_count(qtbot, session, path)
    session.select(["w"])
    settle(qtbot, panel)


def settle(qtbot, panel: ValuesPanel) -> None:
    """Wait until what is in sight has its values."""

    def there() -> bool:
        panel.table.viewport().grab()
        return panel.model.rowCount() > 0 and not panel.model.lacking(panel.table.seen)

    qtbot.waitUntil(there, timeout=10_000)


def drag(qtbot, panel: ValuesPanel, first: tuple[int, int], last: tuple[int, int]) -> None:
    """Select from one cell to another with the mouse and Shift."""
    for place, keys in ((first, Qt.KeyboardModifier.NoModifier), (last, Qt.KeyboardModifier.ShiftModifier)):
        spot = panel.table.visualRect(panel.model.index(*place)).center()
        qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, keys, spot)


def copied(qtbot, panel: ValuesPanel, form: str) -> str:
    QGuiApplication.clipboard().setText("")
    if form == "text":
        qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    else:
        pick(panel, "copy", form)
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() != "", timeout=10_000)
    return QGuiApplication.clipboard().text()


def pick(panel: ValuesPanel, button: str, words: str) -> None:
    """Choose an entry of a button's menu."""
    menu = panel.findChild(QToolButton, f"values_{button}").menu()
    next(one for one in menu.actions() if words in one.text()).trigger()


def save_as(qtbot, panel: ValuesPanel, words: str, path) -> np.ndarray:
    """Save through the dialog, and read what was saved with NumPy."""
    pick(panel, "save", words)
    dialog = panel.findChild(QFileDialog)
    assert not dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    dialog.fileSelected.emit(str(path))
    dialog.close()
    qtbot.waitUntil(lambda: any(str(path) in text for text in panel._session.told), timeout=10_000)
    return np.load(path)


def prune(qtbot, panel: ValuesPanel, amount: float) -> np.ndarray:
    session = panel._session
    session.set_amounts(["w"], Amount(amount))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    return session.pruning["w"].mask.to_bools()


def cell(panel: ValuesPanel, row: int, column: int, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole):
    return panel.model.index(row, column).data(role)


def test_that_selected_cells_are_copied_as_text_csv_and_python(qtbot, panel, tmp_path):
    values = torch.randn(30, 20)
    values[2, 1], values[3, 2] = float("nan"), -float("inf")
    shown(qtbot, panel, tmp_path / "m.pt", values)
    assert cell(panel, 2, 1) == "NaN"
    assert cell(panel, 0, 0) == f"{float(values[0, 0]):.6g}".replace("-", "−")
    assert repr(float(values[0, 0])).replace("-", "−") in cell(panel, 0, 0, Qt.ItemDataRole.ToolTipRole)
    drag(qtbot, panel, (1, 1), (4, 3))
    expected = values[1:5, 1:4]
    rows = [line.split("\t") for line in copied(qtbot, panel, "text").splitlines()]
    assert np.array_equal(np.array(rows, dtype=np.float32), expected.numpy(), equal_nan=True)
    rows = list(csv.reader(io.StringIO(copied(qtbot, panel, "CSV"))))
    assert np.array_equal(np.array(rows, dtype=np.float32), expected.numpy(), equal_nan=True)
    found = eval(copied(qtbot, panel, "Python"), {"torch": torch})
    assert torch.equal(found.nan_to_num(7), expected.nan_to_num(7))
    assert panel._said.text() == "12 values copied as Python."


def test_that_a_click_on_a_head_selects_its_row_or_column(qtbot, panel, tmp_path):
    values = torch.randn(30, 20)
    shown(qtbot, panel, tmp_path / "m.pt", values)
    table = panel.table
    for header, spot, expected in (
        (table.verticalHeader(), QPoint(5, table.rowViewportPosition(3) + 5), values[3:4]),
        (table.horizontalHeader(), QPoint(table.columnViewportPosition(2) + 20, 5), values[:, 2:3]),
    ):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        rows = [line.split("\t") for line in copied(qtbot, panel, "text").splitlines()]
        assert np.array_equal(np.array(rows, dtype=np.float32), expected.numpy())


def test_that_pruned_elements_are_marked_and_what_is_shown_is_copied(qtbot, panel, session, tmp_path):
    values = torch.randn(12, 6)
    shown(qtbot, panel, tmp_path / "m.pt", values)
    kept = prune(qtbot, panel, 0.5)
    for row, column in np.ndindex(12, 6):
        assert cell(panel, row, column).endswith("→ 0") == (not kept[row, column])
        assert (cell(panel, row, column, Qt.ItemDataRole.BackgroundRole) is None) == kept[row, column]
        assert ("pruned" in cell(panel, row, column, Qt.ItemDataRole.AccessibleTextRole)) == (not kept[row, column])
    qtbot.keyClick(panel.table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    for place, expected in ((0, values.numpy() * kept), (1, values.numpy()), (2, values.numpy() * kept)):
        panel.shown.setCurrentIndex(place)
        rows = [line.split("\t") for line in copied(qtbot, panel, "text").splitlines()]
        assert np.array_equal(np.array(rows, dtype=np.float32), expected)
    session.undo()
    assert not any("→" in cell(panel, row, column) for row, column in np.ndindex(12, 6))


def test_that_values_mask_and_selection_are_saved_for_numpy(qtbot, panel, session, tmp_path):
    values = torch.randn(40, 7, dtype=torch.bfloat16)
    shown(qtbot, panel, tmp_path / "m.pt", values)
    kept = prune(qtbot, panel, 0.25)
    wide = values.float().numpy()
    assert np.array_equal(save_as(qtbot, panel, "values before", tmp_path / "before.npy"), wide)
    assert "as float32, since NumPy has no bfloat16" in session.told[-1]
    assert np.array_equal(save_as(qtbot, panel, "values after", tmp_path / "after.npy"), wide * kept)
    assert np.array_equal(save_as(qtbot, panel, "mask", tmp_path / "mask.npy"), kept)
    drag(qtbot, panel, (2, 1), (5, 2))
    assert np.array_equal(save_as(qtbot, panel, "selection", tmp_path / "part.npy"), (wide * kept)[2:6, 1:3])


def test_that_a_tensor_of_many_rows_scrolls_to_its_end_part_by_part(qtbot, panel, session, tmp_path):
    values = torch.arange(2_500_003, dtype=torch.int32).reshape(-1, 1).repeat(1, 3)
    shown(qtbot, panel, tmp_path / "m.pt", values)
    assert panel.model.rowCount() == ROWS
    assert cell(panel, ROWS - 1, 0) == WAITING
    drag(qtbot, panel, (0, 0), (0, 0))
    qtbot.keyClick(panel.table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, panel)
    assert cell(panel, ROWS - 1, 2) == "999999"
    panel.part.setFocus()
    qtbot.keyClick(panel.part, Qt.Key.Key_Up)
    qtbot.keyClick(panel.part, Qt.Key.Key_Up)
    panel.table.scrollToBottom()
    settle(qtbot, panel)
    assert panel.model.headerData(500_002, Qt.Orientation.Vertical) == "2500002"
    assert cell(panel, 500_002, 0) == "2500002"
    begun = time.monotonic()
    panel.table.selectAll()
    panel.table.grab()
    assert time.monotonic() - begun < 1
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "Save the selection as .npy instead" in session.told[-1]


def test_that_an_index_is_gone_to_and_a_wrong_one_is_refused(qtbot, panel, tmp_path):
    values = torch.randn(300, 20)
    shown(qtbot, panel, tmp_path / "m.pt", values)
    panel.table.setFocus()
    qtbot.keyClick(panel.table, Qt.Key.Key_G)
    line = panel.findChild(QLineEdit, "values_goto")
    qtbot.keyClicks(line, "234, 15")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    settle(qtbot, panel)
    number = str(float(values[234, 15])).replace("-", "−")
    qtbot.waitUntil(lambda: panel._said.text() == f"row 234, column 15 · element 4695 · {number}")
    line.setText("9999, 0")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert line.property("wrong")
    assert panel.table.currentIndex().row() == 234


def test_that_nothing_is_read_while_the_table_is_not_seen(qtbot, panel, session, tmp_path, monkeypatch):
    panel.hide()
    torch.save({"w": torch.randn(9), "s": torch.tensor(2.5)}, tmp_path / "m.pt")
    asked = []
    request = session.view.request
    monkeypatch.setattr(
        session.view, "request", lambda slot, *rest, **more: (asked.append(slot), request(slot, *rest, **more))
    )
    open_and_count(qtbot, session, tmp_path / "m.pt")
    session.select(["s"])
    qtbot.wait(30)
    assert "values" not in asked
    panel.show()
    settle(qtbot, panel)
    assert "values" in asked
    assert cell(panel, 0, 0) == "2.5"
    assert panel.model.headerData(0, Qt.Orientation.Vertical) == "0"


def test_that_a_file_that_is_gone_is_told_of(qtbot, panel, session, tmp_path):
    shown(qtbot, panel, tmp_path / "m.pt", torch.randn(1000, 8))
    with qtbot.waitSignal(panel.failed, timeout=5000) as told:
        (tmp_path / "m.pt").rename(tmp_path / "n.pt")
        panel.table.scrollToBottom()
        panel.table.viewport().grab()
    assert "m.pt" in told.args[0].text
