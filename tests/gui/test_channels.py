"""The selected tensor by its channels, as a user sorts, filters, walks through and follows them to the map."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton
from safetensors.torch import save_file

from app.channel_listing import Listing
from app.channels_paint import Bars
from app.channels_panel import ChannelsPanel
from app.divisor_box import DivisorBox
from pruner import Amount
from tests.gui.acting import THIN, click, opened, text_of
from tests.gui.models import save_net

CONV = "features.3.weight"


def shown(qtbot, session, path: Path, name: str) -> ChannelsPanel:
    """The tab with a tensor's channels in a window, each model under a tester."""
    window = opened(qtbot, session, path)
    session.select([name])
    panel = window.findChild(ChannelsPanel)
    if session.checkpoint[name].shape[0] < 1000:  # it takes seconds for many rows
        panel.tester = QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    qtbot.waitUntil(lambda: window.tensor.tabs.isVisible(), timeout=10_000)
    bar = window.tensor.tabs.tabBar()
    place = next(place for place in range(bar.count()) if bar.tabText(place) == "Channels")
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(place).center())
    assert panel.isVisible()
    return panel


@pytest.fixture
def channels(qtbot, session, tmp_path: Path) -> ChannelsPanel:
    """The channels of a small net's second convolution, of shape 16 × 8 × 3 × 3."""
    save_net(tmp_path / "net.pt")
    panel = shown(qtbot, session, tmp_path / "net.pt", CONV)
    listed(qtbot, panel, 16)
    return panel


def listed(qtbot, panel: ChannelsPanel, count: int) -> None:
    qtbot.waitUntil(lambda: panel.model.rowCount() == count, timeout=10_000)


def column(panel: ChannelsPanel, place: int) -> list[str]:
    return [panel.model.index(row, place).data() for row in range(panel.model.rowCount())]


def pick(qtbot, panel: ChannelsPanel, name: str, text: str) -> None:
    """Choose the entry of a box that begins with a text, with the arrow keys."""
    box = panel.findChild(QComboBox, name)
    place = next(place for place in range(box.count()) if box.itemText(place).startswith(text))
    box.setFocus()
    while box.currentIndex() != place:
        qtbot.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < place else Qt.Key.Key_Up)


def prune_structured(qtbot, session, names: list[str], amount: float) -> None:
    session.choose_method("ln_structured")
    session.set_amounts(names, Amount(amount))
    before = session.pruning
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not before, timeout=20_000)


def norms(session, dim: int) -> torch.Tensor:
    return torch.norm(session.checkpoint.read(CONV).double().movedim(dim, 0).flatten(1), 2, dim=1)


def test_that_channels_of_each_dimension_are_listed_with_torchs_norms(qtbot, session, channels):
    box = channels.findChild(QComboBox, "over")
    titles = [box.itemText(place) for place in range(box.count())]
    assert titles == ["Output channels (dim 0, 16)", "Input channels (dim 1, 8)", "Dimension 2 (3)", "Dimension 3 (3)"]
    assert text_of(channels, "dead") == "None of 16 output channels is dead."
    assert column(channels, 5) == [f"{norm:.4g}" for norm in norms(session, 0)]
    pick(qtbot, channels, "over", "Input")
    listed(qtbot, channels, 8)
    assert column(channels, 0) == [str(place) for place in range(8)]
    assert set(column(channels, 1)) == {"144"}
    assert column(channels, 5) == [f"{norm:.4g}" for norm in norms(session, 1)]


def test_that_a_box_and_the_heads_of_columns_sort(qtbot, session, channels):
    order = norms(session, 0).argsort().tolist()
    pick(qtbot, channels, "channel_order", "Smallest L2")
    qtbot.waitUntil(lambda: column(channels, 0) == [str(place) for place in order])
    header = channels.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(5) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: column(channels, 0) == [str(place) for place in order[::-1]])
    assert channels.findChild(QComboBox, "channel_order").currentText() == "Largest L2 first"
    assert channels.model.headerData(5, Qt.Orientation.Horizontal) == "▾ L2 norm"


def test_that_dead_channels_are_counted_and_listed_after_pruning_and_undo(qtbot, session, channels):
    smallest = sorted(norms(session, 0).argsort()[:4].tolist())
    prune_structured(qtbot, session, [CONV], 0.25)
    qtbot.waitUntil(lambda: text_of(channels, "dead").startswith("4 of 16 output channels are dead"))
    qtbot.mouseClick(channels.findChild(QCheckBox, "only_dead"), Qt.MouseButton.LeftButton)
    listed(qtbot, channels, 4)
    assert column(channels, 0) == [str(place) for place in smallest]
    assert column(channels, 2) == ["72"] * 4
    assert column(channels, 3) == [f"100{THIN}%"] * 4
    assert all(text.endswith(" → 0") for text in column(channels, 5))
    session.undo()
    listed(qtbot, channels, 0)
    assert text_of(channels, "dead") == "None of 16 output channels is dead."


def test_that_a_click_tells_of_a_channel_and_a_double_click_shows_it_on_the_map(qtbot, session, channels):
    window = channels.window()
    place = channels.table.visualRect(channels.model.index(1, 0)).center()
    qtbot.mouseClick(channels.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert text_of(channels, "channel_figures").startswith(f"Output channel 1 · 0{THIN}% zeros · L2 norm ")
    assert channels.isVisible()
    qtbot.mouseDClick(channels.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.tensor.map.isVisible()
    qtbot.waitUntil(lambda: window.tensor.map.canvas.marked is not None)
    layout = window.tensor.map.canvas.picture.layout
    assert layout.flat(*window.tensor.map.canvas.marked) == 72


def test_that_the_keyboard_walks_through_rows_and_bars(qtbot, session, channels):
    window = channels.window()
    channels.table.setFocus()
    for _ in range(3):
        qtbot.keyClick(channels.table, Qt.Key.Key_Down)
    assert text_of(channels, "channel_figures").startswith(f"Output channel {channels.table.row} ")
    channels.chart.setFocus()
    qtbot.keyClick(channels.chart, Qt.Key.Key_End)
    qtbot.keyClick(channels.chart, Qt.Key.Key_Left)
    assert channels.table.row == 14
    assert channels.chart.accessibleDescription().startswith("Output channel 14 ")
    qtbot.keyClick(channels.chart, Qt.Key.Key_Return)
    assert window.tensor.map.isVisible()
    qtbot.waitUntil(lambda: window.tensor.map.canvas.marked is not None)
    assert window.tensor.map.canvas.picture.layout.flat(*window.tensor.map.canvas.marked) == 14 * 72


def test_that_bars_tell_and_choose_and_what_is_chosen_stays_through_sorting(qtbot, session, channels):
    qtbot.mouseMove(channels.chart, channels.chart.middle(9).toPoint())
    qtbot.waitUntil(lambda: text_of(channels, "channel_figures").startswith("Output channel 9 "))
    qtbot.mouseClick(channels.chart, Qt.MouseButton.LeftButton, pos=channels.chart.middle(5).toPoint())
    assert channels.table.row == 5
    pick(qtbot, channels, "channel_order", "Largest L1")
    sums = session.checkpoint.read(CONV).abs().flatten(1).sum(1)
    qtbot.waitUntil(lambda: column(channels, 0) == [str(int(place)) for place in sums.argsort(descending=True)])
    assert channels.model.index(channels.table.row, 0).data() == "5"
    click(qtbot, channels, "show_on_map")
    assert channels.window().tensor.map.isVisible()


def test_that_the_map_goes_to_an_element_once_its_tensor_is_there(qtbot, session, channels):
    map_view = channels.window().tensor.map
    session.select(["classifier.weight"])
    map_view.go_to("classifier.weight", 37)
    assert map_view.canvas.picture.plane.info.name == CONV, "the picture before is still shown"
    qtbot.waitUntil(lambda: map_view.canvas.picture.plane.info.name == "classifier.weight")
    assert map_view.canvas.picture.layout.flat(*map_view.canvas.marked) == 37


def test_that_nothing_is_read_behind_another_tab(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    window = opened(qtbot, session, tmp_path / "net.pt")
    session.select([CONV])
    qtbot.waitUntil(lambda: window.tensor.tabs.isVisible(), timeout=10_000)
    qtbot.wait(50)
    assert window.findChild(ChannelsPanel).model.rowCount() == 0


def test_that_heads_are_offered_and_their_number_can_be_set(qtbot, session, tmp_path):
    torch.manual_seed(0)
    weight = torch.randn(384, 128)
    weight[64:128] = 0
    save_file({"attn.in_proj_weight": weight, "attn.scale": torch.tensor(2.0)}, tmp_path / "m.safetensors")
    panel = shown(qtbot, session, tmp_path / "m.safetensors", "attn.in_proj_weight")
    listed(qtbot, panel, 384)
    pick(qtbot, panel, "over", "Heads")
    listed(qtbot, panel, 6)
    assert column(panel, 0) == ["query 0", "query 1", "key 0", "key 1", "value 0", "value 1"]
    assert column(panel, 1)[0] == f"8{THIN}192"
    assert text_of(panel, "dead").startswith("1 of 6 heads is dead")
    norm = weight[:64].double().norm().item()
    assert column(panel, 5)[0] == f"{norm:.4g}"
    heads = panel.findChild(DivisorBox)
    heads.setFocus()
    qtbot.keyClick(heads, Qt.Key.Key_Up)
    listed(qtbot, panel, 12)
    heads.selectAll()
    qtbot.keyClicks(heads, "7")
    qtbot.keyClick(heads, Qt.Key.Key_Return)
    assert heads.value() == 8, "7 heads cannot be of one size"
    listed(qtbot, panel, 24)
    panel.table.choose(13)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    canvas = panel.window().tensor.map.canvas
    qtbot.waitUntil(lambda: canvas.marked is not None)
    assert canvas.picture.layout.flat(*canvas.marked) == 13 * 16 * 128
    session.select(["attn.scale"])
    panel.window().tensor.tabs.setCurrentWidget(panel)
    qtbot.waitUntil(lambda: "A single number has no channels." in [one.text() for one in panel.findChildren(QLabel)])
    assert not panel.findChild(QPushButton, "show_on_map").isVisible()


def test_that_bars_are_true_with_many_channels_on_a_pixel(qtbot, session, tmp_path):
    torch.manual_seed(0)
    weight = torch.randn(50_000, 4)
    weight[1234] = 0
    weight[40_000:] *= 2
    weight[7, 0] = float("nan")
    save_file({"w.weight": weight}, tmp_path / "m.safetensors")
    panel = shown(qtbot, session, tmp_path / "m.safetensors", "w.weight")
    listed(qtbot, panel, 50_000)
    found: Listing = panel._found
    bars = Bars.of(found, 500)
    assert bars.dead.tolist() == [place == 12 for place in range(500)], "one of a hundred on a pixel is seen"
    assert bars.strange.tolist() == [place == 0 for place in range(500)]
    high = weight[1:].double().norm(dim=1)
    assert bars.zeros[12] == pytest.approx(0.01)
    assert bars.least[12] == 0
    assert bars.most[450] * bars.top == pytest.approx(float(weight[45_000:45_100].double().norm(dim=1).max()))
    assert bars.top == pytest.approx(float(high.nan_to_num(0).max()))
    assert text_of(panel, "dead").startswith("1 of 50")


def test_that_a_window_without_a_tensor_says_what_to_do(qtbot, session):
    panel = ChannelsPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    assert "Select a tensor in the tree." in [one.text() for one in panel.findChildren(QLabel)]
