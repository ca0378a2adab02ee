"""The whole model coloured by what pruning has taken of the norms."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt

import app.whole_model_panel as module
from app import theme
from app.treemap_strip import Legend
from app.whole_model_panel import WholeModelPanel
from pruner import Amount
from tests.gui.models import open_and_count, save_net
from tests.gui.test_whole_model import box_of, close, colour_at, drawn, middle, mixed, said, spot

NAME = "features.3.weight"


@pytest.fixture
def net(qtbot, session, tmp_path: Path):
    """The panel with a net that a round has pruned, coloured by the L2 norm lost."""
    panel = WholeModelPanel(session)
    qtbot.addWidget(panel)
    panel.resize(1200, 420)
    panel.show()
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    panel.by.setFocus()
    qtbot.keyClicks(panel.by, "L2")
    prune(qtbot, session, NAME, 0.5)
    drawn(qtbot, panel)
    return panel


def prune(qtbot, session, name: str, share: float) -> None:
    before = session.pruning
    session.set_amounts([name], Amount(share))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not before and not session.work.busy, timeout=20_000)


def lost(session, path: Path, name: str, n: int) -> float:
    values = torch.load(path, weights_only=True)[name].double()
    kept = session.pruning[name].mask.to_tensor()
    return 1 - float((values * kept).norm(n) / values.norm(n))


def measured(qtbot, session, panel) -> None:
    qtbot.waitUntil(lambda: not panel._losses.missing(session.pruning), timeout=10_000)
    qtbot.wait(50)
    drawn(qtbot, panel)


def test_that_the_colour_and_the_words_tell_the_share_of_the_norm_that_is_lost(qtbot, session, net, tmp_path):
    measured(qtbot, session, net)
    share = lost(session, tmp_path / "net.pt", NAME, 2)
    assert 0.05 < share < 0.1
    session.select(["classifier.weight"])
    assert close(colour_at(net, spot(box_of(net, NAME))), mixed(share / 0.1))
    assert "sand is 10 % of the L2 norm in the file" in net.findChild(Legend).accessibleDescription()
    qtbot.mouseMove(net.view, middle(box_of(net, NAME)))
    qtbot.waitUntil(lambda: f"L2 norm: {100 * share:.1f}\u202f% lost" in said(net))
    qtbot.mouseMove(net.view, middle(box_of(net, "features.3")))
    qtbot.waitUntil(lambda: f"L2 norm of its 1 pruned tensor: {100 * share:.1f}\u202f% lost" in said(net))
    qtbot.keyClick(net.by, Qt.Key.Key_Down)
    assert net.by.currentText() == "L1 norm lost"
    qtbot.mouseMove(net.view, middle(box_of(net, NAME)))
    drawn(qtbot, net)
    share = lost(session, tmp_path / "net.pt", NAME, 1)
    qtbot.waitUntil(lambda: close(colour_at(net, spot(box_of(net, NAME))), mixed(share / 0.5)))
    qtbot.mouseMove(net.view, middle(box_of(net, "features.3")))
    qtbot.waitUntil(lambda: f"L1 norm of its 1 pruned tensor: {100 * share:.1f}\u202f% lost" in said(net))


def test_that_a_second_round_measures_only_what_it_changed_and_undo_nothing(qtbot, session, net, monkeypatch):
    measured(qtbot, session, net)
    asked = []
    measure = module.measure_losses
    monkeypatch.setattr(module, "measure_losses", lambda *args: (asked.append(args[2]), measure(*args))[1])
    session.set_amounts([NAME], None)
    prune(qtbot, session, "classifier.weight", 0.5)
    measured(qtbot, session, net)
    assert asked == [["classifier.weight"]]
    session.undo()
    session.redo()
    drawn(qtbot, net)
    qtbot.wait(50)
    assert asked == [["classifier.weight"]]


def test_that_what_is_not_measured_yet_is_told_apart(qtbot, session, net, monkeypatch):
    measured(qtbot, session, net)
    monkeypatch.setattr(module, "measure_losses", lambda *_: iter(()))
    prune(qtbot, session, NAME, 0.5)
    point = spot(box_of(net, NAME))
    session.select(["classifier.weight"])
    qtbot.waitUntil(lambda: not net.busy)
    qtbot.waitUntil(lambda: colour_at(net, point).name().upper() == theme.current().line.upper())
    qtbot.mouseMove(net.view, middle(box_of(net, "classifier.weight")))
    qtbot.mouseMove(net.view, middle(box_of(net, NAME)))
    qtbot.waitUntil(lambda: "L2 norm: not measured yet" in said(net))


def test_that_a_file_that_is_gone_does_not_stop_it(qtbot, session, net, tmp_path):
    measured(qtbot, session, net)
    prune(qtbot, session, "classifier.weight", 0.5)
    (tmp_path / "net.pt").rename(tmp_path / "away.pt")
    net._losses.clear()
    net._new_shares()
    measured(qtbot, session, net)
    qtbot.mouseClick(net.view, Qt.MouseButton.LeftButton, pos=middle(box_of(net, NAME)))
    qtbot.waitUntil(lambda: "L2 norm: its numbers cannot be read" in said(net))
