"""Switching between the dictionaries of weights in one file."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.main_window import MainWindow
from app.root_row import RootRow
from pruner import Amount
from tests.gui.models import open_and_count, save_net, save_two

NAME = "features.3.weight"


@pytest.fixture
def window(qtbot, session, tmp_path: Path):
    save_two(tmp_path / "two.pt")
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    window.show()
    open_and_count(qtbot, session, tmp_path / "two.pt")
    return window


def choose(qtbot, row: RootRow, root: str) -> None:
    """Choose a key path with the keyboard, as in any box."""
    row.box.setFocus()
    row.box.showPopup()
    place = row.box.findData(root)
    row.box.view().setCurrentIndex(row.box.model().index(place, 0))
    qtbot.keyClick(row.box.view(), Qt.Key.Key_Return)
    row.window().activateWindow()  # a screen that is not there leaves the closed list the active window


def wait_for_root(qtbot, session, root: str) -> None:
    qtbot.waitUntil(lambda: session.checkpoint.root == root and not session.work.busy, timeout=10_000)


def test_that_the_box_is_seen_only_where_there_is_something_to_choose(qtbot, window, session, tmp_path):
    assert window.tree.roots.isVisible()
    assert [window.tree.roots.box.itemText(place) for place in range(2)] == ["model", "ema"]
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    assert not window.tree.roots.isVisible()


def test_that_choosing_another_dictionary_opens_it_in_both_boxes(qtbot, window, session):
    session.set_amounts([NAME], Amount(0.5))
    qtbot.waitUntil(lambda: session.outlook(NAME).now == 0)
    choose(qtbot, window.tree.roots, "ema")
    wait_for_root(qtbot, session, "ema")
    assert window.tree.roots.box.currentText() == window.file.roots.box.currentText() == "ema"
    assert session.amounts == {}, "amounts belong to the dictionary that they were given in"
    assert session.undo_label is None
    qtbot.waitUntil(lambda: session.outlook(NAME) is not None, timeout=10_000)
    assert session.outlook(NAME).now == session.checkpoint[NAME].numel
    window.actions_["show_file"].trigger()
    choose(qtbot, window.file.roots, "model")
    wait_for_root(qtbot, session, "model")


def test_that_unsaved_pruning_is_asked_about_and_cancel_puts_the_box_back(qtbot, window, session):
    session.set_amounts([NAME], Amount(0.5))
    session.prune()
    qtbot.waitUntil(lambda: session.unsaved and not session.work.busy, timeout=20_000)
    choose(qtbot, window.tree.roots, "ema")
    question = window.findChild(object, "unsaved")
    question.button(question.StandardButton.Cancel).click()
    assert session.checkpoint.root == "model"
    assert window.tree.roots.box.currentText() == "model"
    assert session.unsaved
    choose(qtbot, window.tree.roots, "ema")
    question = window.findChildren(type(question), "unsaved")[-1]
    question.button(question.StandardButton.Discard).click()
    wait_for_root(qtbot, session, "ema")
    assert session.pruning is None


def test_that_choosing_the_open_dictionary_changes_nothing(qtbot, window, session):
    before = session.checkpoint
    session.set_amounts([NAME], Amount(0.5))
    choose(qtbot, window.tree.roots, "model")
    assert not session.work.busy
    assert session.checkpoint is before
    assert session.amounts == {NAME: Amount(0.5)}


def test_that_a_dictionary_that_is_gone_leaves_the_open_one_and_its_name_in_the_box(qtbot, window, session, tmp_path):
    told = []
    session.message.connect(lambda message: told.append(message.text))
    save_net(tmp_path / "two.pt")
    choose(qtbot, window.tree.roots, "ema")
    qtbot.waitUntil(lambda: any("no weights under “ema”" in text for text in told), timeout=10_000)
    qtbot.waitUntil(lambda: session.files.state == "changed", timeout=10_000)
    assert session.checkpoint.root == "model"
    assert window.tree.roots.box.currentText() == "model"


def test_that_reloading_keeps_the_chosen_dictionary(qtbot, window, session):
    choose(qtbot, window.tree.roots, "ema")
    wait_for_root(qtbot, session, "ema")
    session.set_amounts([NAME], Amount(0.5))
    before = session.checkpoint
    qtbot.keyClick(window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: session.checkpoint is not before, timeout=10_000)
    assert session.checkpoint.root == "ema"
    assert session.amounts == {NAME: Amount(0.5)}
