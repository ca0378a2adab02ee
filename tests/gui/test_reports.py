"""Reports saved from the window."""

import csv
import hashlib
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog

from tests.gui.acting import FIRST, THIRD, WEIGHTS, give, opened, prune, saved
from tests.gui.models import save_net


@pytest.fixture
def window(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    return opened(qtbot, session, tmp_path / "net.pt")


def ask_for_report(qtbot, window) -> QFileDialog:
    """The dialog, asked for in the palette."""
    window.actions_["palette"].trigger()
    palette = window.findChild(object, "command_palette")
    qtbot.keyClicks(palette.search, "save report")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    dialog = window.findChild(QFileDialog, "save_report_dialog")
    assert dialog is not None
    assert dialog.selectedFiles() == [str(window.session.checkpoint.path.with_name("net-report.html"))]
    return dialog


def report_to(qtbot, window, path: Path) -> None:
    dialog = ask_for_report(qtbot, window)
    dialog.selectFile(str(path))
    dialog.accept()
    qtbot.waitUntil(lambda: any(str(path) in told for told in window.told), timeout=20_000)


def test_that_the_kind_gives_the_name_its_ending(qtbot, window, tmp_path):
    give(qtbot, window, [FIRST], "30%")
    prune(qtbot, window)
    dialog = ask_for_report(qtbot, window)
    box = dialog.findChild(QComboBox, "fileTypeCombo")
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    box.activated.emit(box.currentIndex())
    assert dialog.selectedFiles() == [str(tmp_path / "net-report.csv")]
    dialog.reject()


def test_that_a_report_is_offered_when_something_is_pruned(qtbot, window, session):
    assert not window.actions_["save_report"].isEnabled()
    give(qtbot, window, [FIRST], "30%")
    prune(qtbot, window)
    assert window.actions_["save_report"].isEnabled()
    session.undo()
    assert not window.actions_["save_report"].isEnabled()


def test_that_a_page_tells_of_the_saved_file_and_a_message_where_it_is(qtbot, window, tmp_path):
    give(qtbot, window, WEIGHTS, "30%")
    prune(qtbot, window)
    saved(qtbot, window, tmp_path / "pruned.pt")
    report_to(qtbot, window, tmp_path / "report.html")
    assert window.told[-1] == f"Saved the report {tmp_path / 'report.html'}."
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for name in ("net.pt", "pruned.pt"):
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() in page


def test_that_a_file_that_holds_something_else_is_left_out(qtbot, window, tmp_path):
    give(qtbot, window, [FIRST], "30%")
    prune(qtbot, window)
    saved(qtbot, window, tmp_path / "pruned.pt")
    give(qtbot, window, [THIRD], "30%")
    prune(qtbot, window)
    report_to(qtbot, window, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No output was saved" in page
    assert "pruned.pt" not in page


def test_that_a_table_has_what_is_pruned_and_the_source_is_refused(qtbot, window, session, tmp_path):
    give(qtbot, window, WEIGHTS, "30%")
    prune(qtbot, window)
    report_to(qtbot, window, tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert {name: int(rows[name]["pruned"]) for name in WEIGHTS} == {
        name: session.pruning[name].pruned for name in WEIGHTS
    }
    before = (tmp_path / "net.pt").read_bytes()
    window.reports.save(tmp_path / "net.pt")
    qtbot.waitUntil(lambda: window.told[-1].endswith("ends in .html (a page) or .csv (a table)."), timeout=10_000)
    assert (tmp_path / "net.pt").read_bytes() == before
