"""Dragging the threshold in the histogram, as a user does."""

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit

from app.histogram_paint import Bars
from app.histogram_trial import zeros_text
from pruner import Amount
from tests.gui.acting import FIRST, SECOND, THIN, THIRD, choose, give, opened, prune, saved, text_of, type_into


@pytest.fixture
def window(qtbot, session, net, tmp_path):
    window = opened(qtbot, session, tmp_path / "net.pt")
    window.resize(1280, 800)
    window.tensor.tabs.setCurrentIndex(1)
    session.select([SECOND])
    qtbot.waitUntil(lambda: view_of(window)._movable, timeout=10_000)
    qtbot.wait(50)
    return window


def view_of(window):
    return window.tensor.histogram


def caption(window) -> str:
    return window.tensor._cut[1].text().replace(THIN, " ")


def press_and_move(view, start: float, stop: float) -> None:
    """Take the line at one magnitude and move it to another, a few pixels at a time."""
    at, to = view.place_of(start), view.place_of(stop)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    for part in range(1, 9):
        QTest.mouseMove(view.viewport(), QPoint(at.x() + (to.x() - at.x()) * part // 8, at.y()))


def drag(view, start: float, stop: float) -> None:
    press_and_move(view, start, stop)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=view.place_of(stop))


def settled(qtbot, window, session, count: int) -> None:
    """The line stands where torch's round would cut."""
    weights = session.checkpoint.read(SECOND).abs().flatten().sort().values
    qtbot.waitUntil(lambda: view_of(window)._threshold == pytest.approx(float(weights[count - 1])), timeout=10_000)


def test_that_the_line_can_be_dragged_and_prunes_what_is_shown(qtbot, window, session, net, tmp_path):
    view, magnitudes = view_of(window), session.checkpoint.read(SECOND).abs().flatten()
    give(qtbot, window, [SECOND], "25%")
    settled(qtbot, window, session, 288)
    steps = []
    session.amounts_changed.connect(lambda: steps.append(session.amounts.get(SECOND)))
    press_and_move(view, view._threshold, 0.08)
    count = int((magnitudes <= view._threshold).sum())
    numel = magnitudes.numel()
    assert not steps, "nothing is planned before the line is let go"
    assert f"= {count} of 1 152" in caption(window)
    assert f"sparsity {100 * count / numel:.1f} %" in caption(window)
    left = magnitudes[magnitudes > view._threshold]
    assert f"L1 kept {100 * float(left.sum() / magnitudes.sum()):.1f} %" in caption(window)
    assert f"L2 kept {100 * float(left.norm() / magnitudes.norm()):.1f} %" in caption(window)
    assert text_of(window, "equals").replace(THIN, " ") == f"= {count} of 1 152", "the card follows"
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=view.place_of(0.08))
    assert len(steps) == 1
    assert steps[0].is_ratio
    assert steps[0].count(numel) == count
    settled(qtbot, window, session, count)
    assert f"threshold {float(magnitudes.sort().values[count - 1]):.4g}" in caption(window)
    prune(qtbot, window)
    torch_prune.l1_unstructured(net.features[3], "weight", count)
    assert torch.equal(session.pruning[SECOND].mask.to_tensor(), net.features[3].weight_mask.bool())
    torch_prune.remove(net.features[3], "weight")
    assert torch.equal(saved(qtbot, window, tmp_path / "out.pt")[SECOND], net.features[3].weight)


def test_that_what_earlier_rounds_pruned_does_not_count(qtbot, window, session):
    view = view_of(window)
    give(qtbot, window, [SECOND], "50%")
    prune(qtbot, window)
    qtbot.waitUntil(lambda: view._movable and "drag the line" in caption(window), timeout=10_000)
    drag(view, 0.0, 0.09)
    kept = session.pruning[SECOND].mask.to_tensor()
    left = session.checkpoint.read(SECOND).abs()[kept]
    count = session.amounts[SECOND].count(576)
    assert count > 0
    assert count == pytest.approx(int((left <= 0.09).sum()), abs=20)
    assert f"= {count} of 576" in caption(window)
    prune(qtbot, window)
    assert session.pruning[SECOND].pruned == 576 + count


def test_that_the_amount_stays_of_the_kind_that_it_was(qtbot, window, session):
    view = view_of(window)
    for given, kind in ((Amount(100), "count"), (Amount.target(0.3), "target"), (Amount(0.3), "ratio")):
        session.set_amounts([SECOND], given)
        qtbot.waitUntil(lambda: view._threshold > 0)
        drag(view, view._threshold, 0.06)
        amount = session.amounts[SECOND]
        found = "target" if amount.is_target else "ratio" if amount.is_ratio else "count"
        assert found == kind
        assert f"= {session.next_round.count(SECOND)} of 1 152" in caption(window)
        session.set_amounts([SECOND], None)


def test_that_typing_an_amount_moves_the_line(qtbot, window, session):
    give(qtbot, window, [SECOND], "40%")
    settled(qtbot, window, session, 461)
    session.select([FIRST, SECOND])
    session.select([SECOND])
    give(qtbot, window, [SECOND], "1000")
    settled(qtbot, window, session, 1000)
    tree = window.tree.view
    tree.setCurrentIndex(window.tree.model.index_of(SECOND))
    tree.setFocus()
    qtbot.keyClicks(tree, "7")
    editor = tree.findChildren(QLineEdit, "amount_editor")[-1]
    qtbot.keyClicks(editor, "00")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    settled(qtbot, window, session, 700)


def test_that_undo_puts_the_line_back(qtbot, window, session, monkeypatch):
    session.set_amounts([SECOND], Amount(300))
    settled(qtbot, window, session, 300)
    monkeypatch.setattr("app.history.MERGE_SECONDS", 0.0)
    drag(view_of(window), view_of(window)._threshold, 0.08)
    assert session.undo_label == f"amount of {SECOND}"
    session.undo()
    assert session.amounts[SECOND] == Amount(300)
    settled(qtbot, window, session, 300)


def test_that_escape_gives_the_drag_up_and_a_click_moves_nothing(qtbot, window, session):
    view = view_of(window)
    session.set_amounts([SECOND], Amount(300))
    settled(qtbot, window, session, 300)
    before, place = view._threshold, view.place_of(view._threshold)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place + QPoint(3, 0))
    assert session.amounts[SECOND] == Amount(300)
    press_and_move(view, before, 0.02)
    assert view._threshold != before
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert (view._threshold, session.amounts[SECOND]) == (before, Amount(300))
    assert "= 300 of 1 152" in text_of(window, "equals").replace(THIN, " ")


def test_that_a_double_click_sets_the_line_and_the_mouse_says_where_it_is(qtbot, window, session):
    view = view_of(window)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.place_of(0.05))
    count = int((session.checkpoint.read(SECOND).abs() <= 0.05).sum())
    assert session.next_round.count(SECOND) == pytest.approx(count, abs=5)
    QTest.mouseMove(view.viewport(), view.place_of(view._threshold))
    assert view.viewport().cursor().shape() == Qt.CursorShape.SizeHorCursor
    QTest.mouseMove(view.viewport(), view.place_of(view._threshold) + QPoint(40, 0))
    assert view.viewport().cursor().shape() != Qt.CursorShape.SizeHorCursor


def test_that_arrow_keys_go_from_bar_to_bar(qtbot, window, session):
    view, magnitudes = view_of(window), session.checkpoint.read(SECOND).abs()
    bar = view._histogram.limit / len(view._histogram.kept)
    view.setFocus()
    for keys, modifier in ((1, Qt.KeyboardModifier.NoModifier), (11, Qt.KeyboardModifier.ShiftModifier)):
        qtbot.keyClick(view, Qt.Key.Key_Right, modifier)
        taken = session.next_round.count(SECOND)
        assert taken == pytest.approx(int((magnitudes <= keys * bar).sum()), abs=3)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert session.next_round.count(SECOND) < taken
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert session.next_round.count(SECOND) == 1152
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert session.next_round.count(SECOND) == 0
    assert view._movable, "the line can still be taken"


def test_that_arrow_keys_pass_over_bars_without_elements(qtbot, session, tmp_path):
    torch.save({"w": torch.tensor([[0.0, 0.0, 0.1], [0.1, -0.9, 0.2]])}, tmp_path / "m.pt")
    window = opened(qtbot, session, tmp_path / "m.pt")
    view = view_of(window)
    qtbot.waitUntil(lambda: view._movable, timeout=10_000)
    found = []
    for key in [Qt.Key.Key_Right] * 5 + [Qt.Key.Key_Left] * 5:
        qtbot.keyClick(view, key)
        qtbot.wait(30)
        found.append(session.next_round.count("w"))
    assert found == [2, 4, 5, 6, 6, 5, 4, 2, 0, 0]


def test_that_the_line_is_there_only_where_it_means_something(qtbot, window, session):
    view = view_of(window)
    give(qtbot, window, [SECOND, THIRD], "50%")
    settled(qtbot, window, session, 576)
    for name in ("random_unstructured", "n_m", "ln_structured"):
        session.choose_method(name)
        assert (view._threshold, view._movable) == (None, False)
        assert "L1 kept" not in caption(window)
    session.choose_method("l1_unstructured")
    session.choose_scope("global")
    assert (view._threshold, view._movable) == (None, False)
    assert "threshold" not in caption(window)
    assert "L1 kept" not in caption(window)


def test_that_dragging_sets_the_value_of_the_method_threshold(qtbot, window, session):
    view = view_of(window)
    choose(qtbot, window, "method", "threshold")
    session.take_part([SECOND])
    type_into(qtbot, window, "option_value", "0.03")
    assert view._movable
    drag(view, 0.03, 0.07)
    value = session.choice.method.value
    assert value == pytest.approx(0.07, rel=0.05)
    count = int((session.checkpoint.read(SECOND).abs() <= value).sum())
    assert f"= {count} of 1 152" in caption(window)
    prune(qtbot, window)
    assert session.pruning[SECOND].pruned == count


def test_that_values_have_the_line_on_both_sides(qtbot, window, session):
    view = view_of(window)
    window.findChild(QComboBox, "histogram_of").setCurrentIndex(1)
    qtbot.wait(20)
    assert "<b>Values</b>" in caption(window)
    session.set_amounts([SECOND], Amount(0.3))
    settled(qtbot, window, session, 346)
    assert view._lines == [-view._threshold, view._threshold]
    drag(view, -view._threshold, -0.09)
    count = session.next_round.count(SECOND)
    assert count == pytest.approx(int((session.checkpoint.read(SECOND).abs() <= 0.09).sum()), abs=15)
    assert count > 346


def test_that_counts_are_drawn_as_they_are_or_by_their_logarithm(qtbot, window, session):
    found = view_of(window)._histogram
    values = session.checkpoint.read(SECOND).flatten()
    signed = torch.histc(values, 240, -found.limit, found.limit)
    assert int((torch.from_numpy(found.kept_values) - signed).abs().sum()) <= 4
    assert Bars.of(found, signed=False, logarithmic=False).whole.max() == 1
    window.tensor.findChild(QCheckBox, "logarithmic").click()
    drawn = view_of(window)._bars.whole
    assert drawn == pytest.approx(torch.log1p(torch.from_numpy(found.kept)).numpy() / max(drawn.max(), 1) / float(
        torch.log1p(torch.from_numpy(found.kept)).max()
    ))  # fmt: skip


def test_that_zeros_are_counted_apart(qtbot, session, tmp_path):
    weight = torch.zeros(100, 100)
    weight[:10] = torch.randn(10, 100)
    torch.save({"w": weight, "none": torch.zeros(8, 8)}, tmp_path / "m.pt")
    window = opened(qtbot, session, tmp_path / "m.pt")
    view = view_of(window)
    qtbot.waitUntil(lambda: view._movable, timeout=10_000)
    assert int(view._histogram.kept.sum()) == 1000
    assert zeros_text(view._histogram.zeros, view._histogram.zeros_pruned) == "9\u202f000 zeros"
    assert zeros_text(5, 3) == "8 zeros, 3 of them pruned"
    assert zeros_text(0, 0) == ""
    drag(view, 0.0, 0.0001)
    assert session.next_round.count("w") == 9000, "zeros go first"
    session.select(["none"])
    qtbot.waitUntil(lambda: view._movable and view._histogram.zeros == 64, timeout=10_000)
    window.tensor.grab()
