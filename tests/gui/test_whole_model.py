"""The whole model in one picture, as a user sees, points at and walks through it."""

import time
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolTip
from safetensors.torch import save_file

from app import style, theme
from app.main_window import MainWindow
from app.tree_panel import TreePanel
from app.whole_model_panel import WholeModelPanel
from pruner import Amount
from pruner.treemap import Rectangle
from tests.gui.models import open_and_count, save_net


@pytest.fixture
def panel(qtbot, session):
    """The panel by itself, with no checkpoint."""
    panel = WholeModelPanel(session)
    qtbot.addWidget(panel)
    panel.resize(900, 420)
    panel.show()
    panel.activateWindow()
    return panel


@pytest.fixture
def net(qtbot, session, panel, tmp_path: Path):
    """The panel with a small net, drawn."""
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    drawn(qtbot, panel)
    return panel


def drawn(qtbot, panel: WholeModelPanel) -> None:
    qtbot.waitUntil(lambda: not panel.busy and panel.view.plane is not None, timeout=10_000)


def box_of(panel: WholeModelPanel, name: str) -> Rectangle:
    return next(one for one in panel.view.plane.rectangles if one.name == name)


def middle(one: Rectangle) -> QPoint:
    low = one.y + one.header if one.header else one.bottom
    return QPoint(int((one.x + one.right) / 2), int((one.y + low) / 2))


def spot(one: Rectangle) -> QPoint:
    """A point near the lower right of a rectangle, where no label is; off the stripes' and the dots' lines."""
    x, y = int(one.right) - 8, int(one.bottom) - 8
    while (x + y) % 8 == 0 or (x % 4, y % 4) == (1, 2):
        x -= 1
    return QPoint(x, y)


def colour_at(panel: WholeModelPanel, point: QPoint) -> QColor:
    return panel.view.grab().toImage().pixelColor(point)


def mixed(share: float) -> QColor:
    one, other = QColor(theme.current().kept), QColor(theme.current().pruned)
    parts = zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)
    return QColor(*(round(a + share * (b - a)) for a, b in parts))


def said(panel: WholeModelPanel) -> str:
    return panel.findChild(QLabel, "whole_model_status").text()


def close(one: QColor, other: QColor) -> bool:
    return all(abs(a - b) <= 2 for a, b in zip(one.getRgb(), other.getRgb(), strict=True))


def test_that_an_empty_panel_says_what_to_do(qtbot, panel):
    qtbot.waitUntil(lambda: not panel.busy)
    texts = [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]
    assert texts == ["Open a checkpoint to see all of its tensors in one picture."]
    assert not panel.view.isVisible()


def test_that_each_tensor_has_an_area_by_its_elements(qtbot, session, net):
    found = {one.name: one.numel for one in net.view.plane.rectangles if not one.is_module}
    assert found == {name: info.numel for name, info in session.checkpoint.tensors.items()}
    largest = box_of(net, "features.3.weight")
    smaller = box_of(net, "features.0.weight")
    ratio = largest.width * largest.height / (smaller.width * smaller.height)
    assert 4 < ratio < 7  # 1152 elements and 216, and a header more


def test_that_hovering_tells_what_a_tensor_is(qtbot, session, net):
    session.set_amounts(["features.3.weight"], Amount(0.5))
    drawn(qtbot, net)
    place = middle(box_of(net, "features.3.weight"))
    qtbot.mouseMove(net.view, place)
    qtbot.waitUntil(lambda: "features.3.weight" in said(net))
    for part in ("16 × 8 × 3 × 3", "1\u202f152 elements", "0 zeros (0\u202f%)", "after the planned round 576"):
        assert part in said(net)
    QApplication.sendEvent(net.view, QHelpEvent(QEvent.Type.ToolTip, place, net.view.mapToGlobal(place)))
    assert "features.3.weight" in QToolTip.text()
    QApplication.sendEvent(net.view, QEvent(QEvent.Type.Leave))
    assert said(net) == ""
    qtbot.mouseMove(net.view, middle(box_of(net, "features.3")))
    qtbot.waitUntil(lambda: said(net) == "features.3 · module of 2 tensors, 1\u202f168 elements · 0\u202f% zeros")


def test_that_a_click_selects_the_tensor_in_the_tree(qtbot, session, net):
    tree = TreePanel(session)
    qtbot.addWidget(tree)
    tree.show()
    qtbot.mouseClick(net.view, Qt.MouseButton.LeftButton, pos=middle(box_of(net, "classifier.weight")))
    assert session.current == "classifier.weight"
    qtbot.waitUntil(lambda: tree.model.row_of(tree.view.currentIndex()).name == "classifier.weight")


def test_that_what_is_selected_elsewhere_is_outlined(qtbot, session, net):
    box = box_of(net, "features.3.weight")
    corner = QPoint(round(box.x), round(box.bottom) - 20)
    session.select(["features.3.weight"])
    assert close(colour_at(net, corner), QColor(theme.current().accent))
    session.select(["classifier.weight"])
    assert not close(colour_at(net, corner), QColor(theme.current().accent))


def test_that_a_double_click_goes_into_a_module_and_the_way_back_is_shown(qtbot, session, net):
    place = middle(box_of(net, "features.3.weight"))
    qtbot.mouseDClick(net.view, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "features")
    assert {one.name.split(".")[0] for one in net.view.plane.rectangles} == {"features"}
    assert not any(name.startswith("classifier") for name in strip_names(net))
    net.findChild(QPushButton, "crumb_0").click()
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "")


def strip_names(panel: WholeModelPanel) -> list[str]:
    found = [panel.strip.name_at(x + 0.5) for x in range(panel.strip.width())]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Backspace])
def test_that_a_double_click_on_a_header_goes_in_and_keys_come_out(qtbot, net, key):
    header = box_of(net, "features.3")
    assert header.header > 0
    qtbot.mouseDClick(net.view, Qt.MouseButton.LeftButton, pos=middle(header))
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "features.3")
    qtbot.keyClick(net.view, key)
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "features")
    qtbot.keyClick(net.view, key)
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "")
    qtbot.keyClick(net.view, key)
    assert net.view.plane.rectangles[0].name == ""


def test_that_keys_walk_through_the_model_and_say_where_they_are(qtbot, session, net):
    net.view.setFocus()
    seen = set()
    session.select(["features.3.weight"])
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up) * 6:
        before = net.view.focused
        qtbot.keyClick(net.view, key)
        after = net.view.focused
        seen.add(after.name)
        assert net.view.accessibleDescription().startswith(after.name) or after == before
        if not after.is_module:
            assert session.current == after.name
    assert len(seen) >= 4
    session.select(["features.3.weight"])
    qtbot.keyClick(net.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: net.view.plane.rectangles[0].name == "features")
    assert net.view.focused.name == "features.3.weight"


def test_that_colours_follow_the_sparsity_through_plan_pruning_and_undo(qtbot, session, net):
    name = "features.3.weight"
    point = spot(box_of(net, name))
    session.select(["classifier.weight"])
    assert close(colour_at(net, point), mixed(0))
    session.set_amounts([name], Amount(0.5))
    net.by.setCurrentIndex(1)
    qtbot.waitUntil(lambda: close(colour_at(net, point), mixed(0.5)))
    net.by.setCurrentIndex(0)
    qtbot.waitUntil(lambda: close(colour_at(net, point), mixed(0)))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None, timeout=20_000)
    qtbot.waitUntil(lambda: close(colour_at(net, point), mixed(0.5)))
    session.undo()
    qtbot.waitUntil(lambda: close(colour_at(net, point), mixed(0)))


def test_that_what_only_the_round_tells_is_not_drawn_as_a_number(qtbot, session, net):
    session.choose_scope("global")
    session.set_amounts(["features.3.weight", "classifier.weight"], Amount(0.5))
    net.by.setCurrentIndex(1)
    point = spot(box_of(net, "features.3.weight"))
    qtbot.waitUntil(lambda: close(colour_at(net, point), QColor(theme.current().line)))


def test_that_zeros_that_are_not_counted_are_not_drawn_as_none(qtbot, session, net):
    session.select(["classifier.weight"])
    point = spot(box_of(net, "features.3.weight"))
    session.zeros = {}
    session._next_round = None
    session.counts_changed.emit()
    qtbot.waitUntil(lambda: close(colour_at(net, point), QColor(theme.current().line)))
    qtbot.mouseMove(net.view, point)
    qtbot.waitUntil(lambda: "not counted yet" in said(net))


def test_that_the_strip_has_the_order_of_the_file_and_selects(qtbot, session, net):
    order = [name for name in strip_names(net) if name is not None]
    assert order == [name for name in session.checkpoint.tensors if name in order]
    x = next(x for x in range(net.strip.width()) if net.strip.name_at(x + 0.5) == "classifier.weight")
    qtbot.mouseMove(net.strip, QPoint(x + 2, 5))
    qtbot.waitUntil(lambda: "classifier.weight" in said(net))
    assert net.view.hovered.name == "classifier.weight"
    qtbot.mouseClick(net.strip, Qt.MouseButton.LeftButton, pos=QPoint(x + 2, 5))
    assert session.current == "classifier.weight"


def test_that_a_theme_changes_the_colours(qtbot, session, net):
    point = spot(box_of(net, "features.3.weight"))
    session.select(["classifier.weight"])
    app = QApplication.instance()
    try:
        theme.choose("dark")
        style.apply(app)
        qtbot.waitUntil(lambda: close(colour_at(net, point), QColor(theme.DARK.kept)))
    finally:
        theme.choose("system")
        style.apply(app)


def test_that_names_are_never_taken_for_markup(qtbot, session, panel, tmp_path):
    name = "<b>a</b>.<img src='x'>w&eight"
    torch.save({name: torch.randn(8, 8)}, tmp_path / "m.pt")
    open_and_count(qtbot, session, tmp_path / "m.pt")
    drawn(qtbot, panel)
    place = middle(panel.view.plane.rectangles[-1])
    QApplication.sendEvent(panel.view, QHelpEvent(QEvent.Type.ToolTip, place, panel.view.mapToGlobal(place)))
    assert "&lt;img" in QToolTip.text()


def test_that_nothing_is_drawn_of_a_file_without_elements(qtbot, session, panel, tmp_path):
    torch.save({"w": torch.zeros(0)}, tmp_path / "none.pt")
    session.open(tmp_path / "none.pt")
    qtbot.waitUntil(lambda: session.checkpoint is not None, timeout=10_000)
    qtbot.waitUntil(lambda: not panel.busy)
    assert "none.pt has no elements to show." in [label.text() for label in panel.findChildren(QLabel)]


@pytest.fixture
def many(qtbot, session, panel, tmp_path: Path):
    """The panel with a model of 5,000 tensors."""
    torch.manual_seed(0)
    tensors = {}
    for layer in range(625):
        for part in ("q", "k", "v", "o", "up", "down", "norm1", "norm2"):
            size = (8,) if part.startswith("norm") else (8 + layer % 7, 16 + len(part))
            tensors[f"model.layers.{layer // 25}.{layer % 25}.{part}.weight"] = torch.randn(size)
    save_file(tensors, tmp_path / "many.safetensors")
    open_and_count(qtbot, session, tmp_path / "many.safetensors")
    drawn(qtbot, panel)
    return panel


def test_that_5000_tensors_are_as_fluent_as_ten(qtbot, session, many):
    """Times are the best of several, since other work on the machine can hold any of them up."""
    view = many.view
    assert sum(not one.is_module for one in view.plane.rectangles) == 5000

    def best(action) -> float:
        times = []
        for _ in range(7):
            begun = time.perf_counter()
            action()
            times.append(time.perf_counter() - begun)
        return min(times) * 1000

    points = [QPointF(13 * step % view.width(), 7 * step % view.height()) for step in range(1, 50)]
    assert best(view.repaint) < 16
    assert best(many._show) < 16, "new colours"
    assert best(lambda: [view._hover(view._at(point.x(), point.y())) for point in points]) < 16
    assert best(lambda: view._draw(view.plane, view._colours)) < 40, "new colours and labels, once a change"
    session.set_amounts([name for name in session.checkpoint.tensors if "norm" not in name], Amount(0.5))
    many.by.setCurrentIndex(1)
    drawn(qtbot, many)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=middle(max(view.plane.rectangles[1:], key=_area)))
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(view.width() // 2, view.height() // 2))
    qtbot.waitUntil(lambda: view.plane.rectangles[0].name.startswith("model.layers."), timeout=5000)


def _area(one: Rectangle) -> float:
    return 0 if one.is_module else one.width * one.height


def test_that_a_burst_of_changes_is_one_picture(qtbot, session, net):
    calls = []
    show = net._show
    net._show = lambda: (calls.append(1), show())
    for _ in range(50):
        session.counts_changed.emit()
        session.pruning_changed.emit()
    drawn(qtbot, net)
    qtbot.wait(50)
    assert len(calls) == 1


def test_that_it_is_a_tab_at_the_bottom_that_works_once_it_is_seen(qtbot, session, tmp_path):
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    panel = window.findChild(WholeModelPanel)
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    qtbot.wait(100)
    assert panel.view.plane is None, "nothing is computed behind other tabs"
    window._docks.raise_panel("Whole model")
    drawn(qtbot, panel)
    assert panel.view.hasFocus()
    assert box_of(panel, "features.3.weight").width > 50
