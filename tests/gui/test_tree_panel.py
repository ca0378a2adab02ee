"""The tree, used with keys and clicks."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLineEdit
from shiboken6 import isValid

from app.tree_columns import Column
from app.tree_panel import TreePanel
from pruner import Amount
from tests.gui.models import open_and_count, save_net

THIN = "\u202f"


@pytest.fixture
def panel(qtbot, session, tmp_path: Path):
    save_net(tmp_path / "net.pt")
    panel = TreePanel(session)
    panel.tester = QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    qtbot.addWidget(panel)
    panel.resize(900, 600)
    panel.show()
    open_and_count(qtbot, session, tmp_path / "net.pt")
    qtbot.waitUntil(lambda: cell(panel, "features.0.weight", Column.SPARSITY) is not None)
    return panel


def cell(panel: TreePanel, name: str, column: Column) -> str | None:
    return panel.model.index_of(name, column).data()


def go_to(panel: TreePanel, qtbot, name: str) -> None:
    index = panel.model.index_of(name)
    panel.view.scrollTo(index)
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=panel.view.visualRect(index).center())


def type_amount(panel: TreePanel, qtbot, text: str) -> QLineEdit | None:
    """Type over the tree, as a user does; gives the editor where it stays open."""
    qtbot.keyClick(panel.view, text[0])
    editor = panel.view.findChildren(QLineEdit, "amount_editor")[-1]
    qtbot.keyClicks(editor, text[1:])
    press_return(qtbot, editor)
    return editor if isValid(editor) and editor.isVisible() else None


def press_return(qtbot, editor: QLineEdit) -> None:
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    QCoreApplication.processEvents()


def test_that_each_tensor_shows_what_is_known_of_it(panel):
    row = {column: cell(panel, "features.0.weight", column) for column in Column}
    assert row[Column.NAME] == "weight"
    assert row[Column.SHAPE] == "8·3·3·3"
    assert row[Column.ELEMENTS] == "216"
    assert row[Column.SPARSITY] == f"0{THIN}%"
    assert row[Column.KIND] == "parameter"
    assert row[Column.DTYPE] == "float32"
    assert row[Column.SIZE] == f"864{THIN}bytes"
    assert cell(panel, "features.1.running_mean", Column.KIND) == "buffer"
    assert cell(panel, "features.1.running_mean", Column.SPARSITY) == f"100{THIN}%"


def test_that_selecting_a_row_selects_the_tensor(panel, qtbot, session):
    go_to(panel, qtbot, "classifier.weight")
    assert session.selected == ("classifier.weight",)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    assert session.current == "classifier.bias"


def test_that_typing_a_number_plans_it_and_shows_both_the_ratio_and_the_elements(panel, qtbot, session):
    go_to(panel, qtbot, "features.0.weight")
    type_amount(panel, qtbot, "30%")
    assert session.amounts == {"features.0.weight": Amount(0.3)}
    assert cell(panel, "features.0.weight", Column.AMOUNT) == f"30{THIN}% = 65"
    assert cell(panel, "features.0.weight", Column.AFTER) == f"30.1{THIN}%"
    go_to(panel, qtbot, "classifier.weight")
    type_amount(panel, qtbot, "100")
    assert session.amounts["classifier.weight"] == Amount(100)
    assert cell(panel, "classifier.weight", Column.AMOUNT) == "100 el."


@pytest.mark.parametrize("text", ["1.5", "30x", "1000", "101%"])
def test_that_a_wrong_amount_is_refused_where_it_is_typed(panel, qtbot, session, text):
    go_to(panel, qtbot, "features.0.weight")
    editor = type_amount(panel, qtbot, text)
    assert editor is not None, "the editor stays, with what was typed"
    assert editor.text() == text
    assert editor.property("wrong")
    assert editor.accessibleDescription()
    assert session.amounts == {}
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert session.amounts == {}


def test_that_an_amount_is_given_to_all_selected_tensors(panel, qtbot, session):
    go_to(panel, qtbot, "features.0.weight")
    index = panel.model.index_of("features.3.weight")
    qtbot.mouseClick(
        panel.view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ControlModifier,
        panel.view.visualRect(index).center(),
    )
    assert set(session.selected) == {"features.0.weight", "features.3.weight"}
    type_amount(panel, qtbot, "0.5")
    assert session.amounts == {"features.0.weight": Amount(0.5), "features.3.weight": Amount(0.5)}


def test_that_an_amount_typed_at_a_module_is_for_its_parameters(panel, qtbot, session):
    module = panel.model.index_of("features.1.weight").parent()
    panel.view.setCurrentIndex(module)
    type_amount(panel, qtbot, "25%")
    assert set(session.amounts) == {"features.1.weight", "features.1.bias"}
    assert module.siblingAtColumn(Column.AMOUNT).data() == "2 tensors"


def test_that_an_empty_amount_takes_it_away(panel, qtbot, session):
    session.set_amounts(["features.0.weight"], Amount(0.3))
    go_to(panel, qtbot, "features.0.weight")
    qtbot.keyClick(panel.view, Qt.Key.Key_Delete)
    press_return(qtbot, panel.view.findChild(QLineEdit, "amount_editor"))
    assert session.amounts == {}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("conv", set()),
        ("running", {"features.1.running_mean", "features.1.running_var"}),
        ("features.3 bias", {"features.3.bias"}),
        ("int64", {"features.1.num_batches_tracked"}),
        ("8x3x3x3", {"features.0.weight"}),
    ],
)
def test_that_the_filter_shows_what_has_all_words(panel, qtbot, words, shown):
    panel.focus_filter()
    qtbot.keyClicks(panel.filter, words)
    qtbot.keyClick(panel.filter, Qt.Key.Key_Return)
    names = [name for name in panel._session.checkpoint.tensors if panel.model.index_of(name).isValid()]
    assert set(names) == shown


def test_that_a_list_has_no_modules_and_sorts_over_all(panel, qtbot):
    panel.flat.click()
    panel.view.sortByColumn(Column.ELEMENTS, Qt.SortOrder.DescendingOrder)
    names = [panel.model.index(row, 0).data() for row in range(panel.model.rowCount())]
    assert names[:2] == ["features.3.weight", "features.0.weight"]
    panel.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
    names = [panel.model.index(row, 0).data() for row in range(panel.model.rowCount())]
    assert names == list(panel._session.checkpoint.tensors)


def test_that_sorting_keeps_the_selection(panel, qtbot, session):
    go_to(panel, qtbot, "features.3.bias")
    panel.view.sortByColumn(Column.NAME, Qt.SortOrder.DescendingOrder)
    assert session.current == "features.3.bias"
    assert [index.data() for index in panel.view.selectionModel().selectedRows()] == ["bias"]


def test_that_buffers_of_integers_have_a_place_and_bools_take_no_amount(qtbot, session, tmp_path):
    torch.save({"flags": torch.zeros(3, dtype=torch.bool), "weight": torch.ones(3)}, tmp_path / "f.pt")
    panel = TreePanel(session)
    qtbot.addWidget(panel)
    open_and_count(qtbot, session, tmp_path / "f.pt")
    flags = panel.model.flags(panel.model.index_of("flags", Column.AMOUNT))
    assert not flags & Qt.ItemFlag.ItemIsEditable
    assert panel.model.flags(panel.model.index_of("weight", Column.AMOUNT)) & Qt.ItemFlag.ItemIsEditable
