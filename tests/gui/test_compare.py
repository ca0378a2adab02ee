"""Comparing with a second checkpoint, as a user does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QWidget

from app.compare_model import Column
from app.comparison import Row, measure_all
from app.main_window import MainWindow
from app.session import Session
from pruner import open_checkpoint
from pruner.pairs import Both, match
from tests.gui.acting import FIRST, SECOND, THIRD, choose, click, give, opened, prune, saved, text_of
from tests.gui.models import Net, open_and_count, save_net, save_two

ROWS = 11


@pytest.fixture
def window(qtbot, session, tmp_path: Path) -> MainWindow:
    """A window with a net in it, and the panel that compares in front."""
    save_net(tmp_path / "net.pt")
    window = opened(qtbot, session, tmp_path / "net.pt")
    fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
    panel = window.comparing.panel
    window.testers = [QAbstractItemModelTester(model, fatal) for model in (panel.model, panel.proxy)]
    return window


def compare(qtbot, window: MainWindow, path: Path) -> None:
    """Open a second file, and wait until all is compared."""
    window.comparing.compare(path)
    comparison = window.session.comparison
    qtbot.waitUntil(lambda: comparison.other is not None and comparison.other.path == path and bool(comparison.rows))
    filled(qtbot, window)


def filled(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not any(row.open for row in window.session.comparison.rows), timeout=10_000)


def cells(window: MainWindow, column: Column) -> list[str]:
    proxy = window.comparing.panel.proxy
    return [proxy.index(row, column).data() for row in range(proxy.rowCount())]


def row_of(window: MainWindow, name: str) -> dict[Column, str]:
    place = cells(window, Column.NAME).index(name)
    return {column: cells(window, column)[place] for column in Column}


def choose_row(qtbot, window: MainWindow, name: str) -> None:
    """Click on a row."""
    table = window.comparing.panel.table
    index = window.comparing.panel.proxy.index(cells(window, Column.NAME).index(name), 0)
    table.scrollTo(index)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())


def drawn(qtbot, window: MainWindow):
    """The tile of the selected pair, when it is there."""
    name, canvas = window.session.current, window.comparing.view.canvas
    qtbot.waitUntil(
        lambda: window.comparing.view._shown == name and not canvas._asked and canvas._coming is None, timeout=10_000
    )
    return canvas.tile


def drop(widget: QWidget, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    widget.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, button, none))


def test_that_the_panel_says_what_to_do_before_a_second_file_is_open(qtbot, session, window):
    window.actions_["compare"].setEnabled(True)
    window._docks.raise_panel("Compare")
    said = [label.text() for label in window.comparing.panel.findChildren(QLabel) if label.isVisible()]
    assert said == ["Open a second checkpoint beside this one, or drop one here."]
    with qtbot.waitSignal(window.comparing.panel.open_requested):
        window.comparing.panel.open_requested.disconnect(window.comparing.compare)
        click(qtbot, window, "open_second")
    assert window.tensor.tabs.indexOf(window.comparing.view) < 0


def test_that_a_key_asks_for_the_second_file_and_a_document_is_needed_for_it(qtbot, window, monkeypatch):
    asked = []
    monkeypatch.setattr("app.comparing.Chooser.choose_file", lambda _: asked.append(window.comparing.panel.isVisible()))
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert asked == [True]
    empty = MainWindow(Session(window.session))
    qtbot.addWidget(empty)
    assert not empty.actions_["compare"].isEnabled()
    empty.session.close()


def test_that_large_tensors_are_told_to_differ_before_they_are_measured(tmp_path):
    torch.manual_seed(0)
    state = {"small": torch.ones(3), "one": torch.randn(1200, 1000), "two": torch.randn(1200, 1000)}
    torch.save(state, tmp_path / "a.pt")
    torch.save({"small": torch.ones(3), "one": state["one"] * 2, "two": state["two"]}, tmp_path / "b.pt")
    first, second = open_checkpoint(tmp_path / "a.pt"), open_checkpoint(tmp_path / "b.pt")
    pairs = match(first, second).both
    work = [(place, Row(pair), Both(first, second, pair)) for place, pair in enumerate(pairs)]
    told = [(place, row.state, row.difference is not None) for part in measure_all(work) if part for place, row in part]
    assert told == [(0, "equal", True), (1, "changed", False), (1, "changed", True), (2, "equal", True)]


def test_that_pruning_is_compared_with_the_file_that_was_saved(qtbot, window, tmp_path):
    give(qtbot, window, [FIRST, SECOND], "50%")
    prune(qtbot, window)
    saved(qtbot, window, tmp_path / "pruned.pt")
    compare(qtbot, window, tmp_path / "pruned.pt")
    assert text_of(window, "compare_totals") == f"pruned.pt: {ROWS} equal"
    assert row_of(window, SECOND)[Column.MASKS] == "100\u202f%"
    qtbot.keyClick(window.comparing.panel.compared_as, Qt.Key.Key_Down)
    filled(qtbot, window)
    assert text_of(window, "compare_totals") == f"pruned.pt: {ROWS - 2} equal · 2 changed"
    found, numel = row_of(window, SECOND), 16 * 8 * 9
    assert (found[Column.STATE], found[Column.CHANGED]) == ("≠ changed", str(numel // 2))
    assert (found[Column.ZEROS_HERE], found[Column.ZEROS_THERE]) == ("0", str(numel // 2))
    assert found[Column.MASKS] == "50.0\u202f%"
    qtbot.keyClick(window.comparing.panel.compared_as, Qt.Key.Key_Up)
    filled(qtbot, window)
    window.session.undo()
    filled(qtbot, window)
    assert row_of(window, SECOND)[Column.STATE] == "≠ changed"


def test_that_a_chosen_row_shows_the_difference_of_its_tensor(qtbot, window, tmp_path):
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    before = state[SECOND].clone()
    state[SECOND][3, 2, 1, 0] += 1
    state[SECOND][4, 5, 0, 0] = 0
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "after.pt")
    compare(qtbot, window, tmp_path / "after.pt")
    assert text_of(window, "compare_totals").endswith("10 equal · 1 changed · prefix module. there folded")
    assert window.tensor.tabs.currentWidget() is window.comparing.view
    choose_row(qtbot, window, SECOND)
    assert window.session.current == SECOND
    tile = drawn(qtbot, window)
    assert (int(tile.changed.sum()), float(np.abs(tile.after).max())) == (2, 1.0)
    said = text_of(window, "compare_figures")
    assert said.startswith("2 elements differ · largest difference 1 at out 3, in 2, ky 1, kx 0 · relative ")
    relative = float((before - state[SECOND]).norm() / before.norm())
    assert f"relative {relative:.4g}" in said
    assert "pruned&nbsp;only&nbsp;there&nbsp;1" in text_of(window, "compare_agreement")
    window.comparing.view.largest.click()
    assert window.comparing.view.canvas.marked == window.comparing.view.canvas.picture.layout.place(3 * 72 + 2 * 9 + 3)
    qtbot.waitUntil(lambda: "difference −1" in text_of(window, "compare_under_cursor"))
    assert window.comparing.view.bars._histogram.kept_values.sum() == 2
    choose_row(qtbot, window, FIRST)
    assert not drawn(qtbot, window).changed.any()
    assert text_of(window, "compare_figures").startswith("All values are equal.")


def test_that_rows_are_filtered_and_sorted(qtbot, window, tmp_path):
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    state[FIRST] *= 2
    state[THIRD] *= 1.5
    state["new"] = torch.ones(3)
    state["classifier.bias"] = torch.ones(4)
    del state["features.1.bias"]
    torch.save(state, tmp_path / "after.pt")
    compare(qtbot, window, tmp_path / "after.pt")
    panel = window.comparing.panel
    panel.only_changed.click()
    assert dict(zip(cells(window, Column.NAME), cells(window, Column.STATE), strict=True)) == {
        FIRST: "≠ changed",
        "features.1.bias": "− only here",
        THIRD: "≠ changed",
        "classifier.bias": "× other shape",
        "new": "+ only there",
    }
    header = panel.table.horizontalHeader()
    header.setSortIndicator(Column.RELATIVE, Qt.SortOrder.DescendingOrder)
    assert cells(window, Column.NAME)[:2] == [FIRST, THIRD]
    qtbot.keyClicks(panel.filter, "classifier")
    qtbot.waitUntil(lambda: sorted(cells(window, Column.NAME)) == ["classifier.bias", THIRD])
    choose_row(qtbot, window, "classifier.bias")
    qtbot.waitUntil(lambda: "The shape is 10 here and 4 there" in text_of(window, "compare_empty"))
    panel.filter.setText("features.1.bias")
    qtbot.waitUntil(lambda: cells(window, Column.NAME) == ["features.1.bias"])
    choose_row(qtbot, window, "features.1.bias")
    qtbot.waitUntil(lambda: text_of(window, "compare_empty") == "Only here: after.pt has no such tensor.")


def test_that_a_bad_second_file_is_told_and_nothing_is_lost(qtbot, window, tmp_path):
    save_net(tmp_path / "again.pt")
    compare(qtbot, window, tmp_path / "again.pt")
    (tmp_path / "bad.pt").write_bytes(b"<html>not found</html>")
    drop(window.comparing.panel, tmp_path / "bad.pt")
    qtbot.waitUntil(lambda: any("bad.pt" in text for text in window.told))
    assert window.banner.isVisible()
    assert window.session.comparison.other.path == tmp_path / "again.pt"
    assert text_of(window, "compare_totals") == f"again.pt: {ROWS} equal"
    drop(window.comparing.panel, tmp_path / "net.pt")
    qtbot.waitUntil(lambda: text_of(window, "compare_totals") == f"net.pt: {ROWS} equal", timeout=10_000)


def test_that_a_second_file_that_changes_says_so_in_its_rows(qtbot, window, tmp_path):
    save_net(tmp_path / "other.pt")
    window._docks.raise_panel("Jobs")
    window.session.comparison.open(tmp_path / "other.pt")
    qtbot.waitUntil(lambda: bool(window.session.comparison.rows))
    window.tensor.tabs.setCurrentIndex(0)
    torch.save(Net().state_dict(), tmp_path / "other.pt")
    window._docks.raise_panel("Compare")
    filled(qtbot, window)
    states = cells(window, Column.STATE)
    assert states.count("! not readable") >= ROWS - 1, "the selected one may have been read before"
    last = window.comparing.panel.proxy.index(ROWS - 1, Column.STATE)
    assert "has changed since it was opened" in last.data(Qt.ItemDataRole.ToolTipRole)


def test_that_nothing_is_read_while_the_panel_is_not_seen(qtbot, window, tmp_path):
    save_net(tmp_path / "other.pt")
    window._docks.raise_panel("Jobs")
    window.session.comparison.open(tmp_path / "other.pt")
    qtbot.waitUntil(lambda: bool(window.session.comparison.rows))
    window.tensor.tabs.setCurrentIndex(0)
    qtbot.wait(100)
    assert sum(row.difference is not None for row in window.session.comparison.rows) <= 1, "the selected one at most"
    window._docks.raise_panel("Compare")
    filled(qtbot, window)


def test_that_a_model_is_compared_with_its_average_in_the_same_file(qtbot, window, tmp_path):
    save_two(tmp_path / "two.pt")
    compare(qtbot, window, tmp_path / "two.pt")
    assert "changed" in text_of(window, "compare_totals")
    assert text_of(window, "compare_totals").startswith("two.pt, model: ")
    roots = window.comparing.panel.roots
    assert roots.isVisible()
    choose(qtbot, window, "second_root", "ema")
    qtbot.waitUntil(lambda: window.session.comparison.other.root == "ema", timeout=10_000)
    qtbot.waitUntil(lambda: bool(window.session.comparison.rows))
    filled(qtbot, window)
    assert text_of(window, "compare_totals").startswith("two.pt, ema: ")
    assert set(cells(window, Column.COSINE)) == {"–"}, "all zeros have no direction"


def test_that_reading_a_large_pair_rests_when_the_panel_goes_out_of_sight(qtbot, window, tmp_path, monkeypatch):
    monkeypatch.setattr("app.comparison._BATCH_SECONDS", 0.0)
    state = {"small": torch.ones(3), "large": torch.ones(30, 1 << 20, dtype=torch.int8)}
    for name in "ab":
        torch.save(state, tmp_path / f"{name}.pt")
    open_and_count(qtbot, window.session, tmp_path / "a.pt")
    comparison = window.session.comparison
    window.comparing.compare(tmp_path / "b.pt")
    qtbot.waitUntil(lambda: bool(comparison.rows) and comparison.rows[0].difference is not None, timeout=10_000)
    window._docks.raise_panel("Jobs")
    window.tensor.tabs.setCurrentIndex(0)
    qtbot.waitUntil(lambda: not comparison._running, timeout=10_000)
    qtbot.wait(100)
    assert comparison.rows[1].state == "unknown"
    window._docks.raise_panel("Compare")
    filled(qtbot, window)
    assert comparison.rows[1].state == "equal"


def test_that_another_document_is_compared_anew_and_closing_ends_it(qtbot, window, tmp_path):
    save_net(tmp_path / "other.pt")
    compare(qtbot, window, tmp_path / "other.pt")
    state = {name: value + 1 for name, value in torch.load(tmp_path / "net.pt", weights_only=True).items()}
    torch.save(state, tmp_path / "third.pt")
    open_and_count(qtbot, window.session, tmp_path / "third.pt")
    qtbot.waitUntil(lambda: text_of(window, "compare_totals") == f"other.pt: {ROWS} changed", timeout=10_000)
    click(qtbot, window, "close_second")
    assert (window.session.comparison.other, window.tensor.tabs.indexOf(window.comparing.view)) == (None, -1)
    assert window.comparing.panel.proxy.rowCount() == 0


def test_that_the_pair_is_taken_away_as_one_picture_with_a_legend(qtbot, window, session, tmp_path):
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    state[SECOND][3] = 0
    torch.save(state, tmp_path / "other.pt")
    compare(qtbot, window, tmp_path / "other.pt")
    session.select([SECOND])
    drawn(qtbot, window)
    view = window.comparing.view
    qtbot.waitUntil(lambda: view.bars._histogram is not None and view.figure() is not None, timeout=10_000)
    figure = window.tensor.figure()
    assert figure.title == f"Comparison of {SECOND} · net.pt"
    assert "there: other.pt" in figure.subtitle
    view.canvas.setFocus()
    QGuiApplication.clipboard().setText("before")
    window.actions_["copy_picture"].trigger()
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().mimeData().hasFormat("image/svg+xml"), timeout=10_000)
    drawing = bytes(QGuiApplication.clipboard().mimeData().data("image/svg+xml")).decode()
    for text in ("Difference", "Masks", "Masks agree on", "pruned only here", "difference, here less there", "equal"):
        assert text in drawing, text
