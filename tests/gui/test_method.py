"""Choosing a method and its options in the window, as a user does."""

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from safetensors.torch import save_file

from pruner import Amount
from tests.gui.acting import (
    FIRST,
    SECOND,
    THIN,
    THIRD,
    WEIGHTS,
    amount_cell,
    choose,
    click,
    give,
    prune,
    saved,
    text_of,
    type_into,
)
from tests.gui.models import open_and_count, save_net


def test_that_the_method_of_the_toolbar_prunes_as_torchs_does(qtbot, window, session, net, tmp_path):
    choose(qtbot, window, "method", "ln_structured")
    type_into(qtbot, window, "option_n", "1")
    type_into(qtbot, window, "option_dim", "1")
    give(qtbot, window, [SECOND], "50%")
    assert amount_cell(window, SECOND) == f"50{THIN}% = 4 ch."
    assert text_of(window, "equals") == "= 4 of 8 channels"
    prune(qtbot, window)
    torch_prune.ln_structured(net.features[3], "weight", 0.5, n=1, dim=1)
    torch_prune.remove(net.features[3], "weight")
    assert torch.equal(saved(qtbot, window, tmp_path / "out.pt")[SECOND], net.features[3].weight)
    assert session.choice.kind.name == "ln_structured", "the method stays chosen"


def test_that_n_m_passes_over_what_does_not_fit_and_keeps_its_amount(qtbot, window, session, tmp_path):
    give(qtbot, window, WEIGHTS, "30%")
    choose(qtbot, window, "method", "n_m")
    assert [amount_cell(window, name) for name in WEIGHTS] == ["does not fit", "2:4", "2:4"]
    assert window.tools.prune.text() == "Prune 2 tensors"
    assert text_of(window, "passed_over").startswith(f"“{FIRST}” is passed over: its dimension 1 has 3 elements")
    session.select([FIRST])
    assert text_of(window, "part") == "Cannot take part."
    prune(qtbot, window)
    assert session.amounts == {FIRST: Amount(0.3)}
    weight = saved(qtbot, window, tmp_path / "out.pt")[SECOND]
    groups = weight.movedim(1, -1).reshape(-1, 4)
    assert torch.equal((groups == 0).sum(1), torch.full((len(groups),), 2))
    window.actions_["again"].trigger()
    assert window.tools.prune.text() == "Prune 2 tensors"


def test_that_a_selection_takes_part_without_those_that_do_not_fit(qtbot, window, session):
    choose(qtbot, window, "method", "n_m")
    session.select([FIRST, SECOND, "features.3.bias"])
    click(qtbot, window, "take_part")
    assert session.amounts == {SECOND: None}
    assert "does not fit “features.0.weight”" in window.banner.text.text()
    assert text_of(window, "part") == "1 of 3 tensors take part."
    click(qtbot, window, "hold_out")
    assert session.amounts == {}
    assert not window.tools.prune.isEnabled()


def test_that_space_in_the_tree_takes_a_tensor_in_and_holds_it_out(qtbot, window, session):
    choose(qtbot, window, "method", "n_m")
    window.tree.view.setCurrentIndex(window.tree.model.index_of(SECOND))
    window.tree.view.setFocus()
    qtbot.keyClick(window.tree.view, Qt.Key.Key_Space)
    assert session.amounts == {SECOND: None}
    qtbot.keyClick(window.tree.view, Qt.Key.Key_5)
    assert "takes no amount" in window.told[-1]
    qtbot.keyClick(window.tree.view, Qt.Key.Key_Space)
    assert session.amounts == {}


def test_that_amounts_and_parts_survive_other_methods(qtbot, window, session):
    give(qtbot, window, [SECOND], "30%")
    choose(qtbot, window, "method", "n_m")
    session.select([THIRD])
    click(qtbot, window, "take_part")
    choose(qtbot, window, "method", "l1_unstructured")
    assert session.amounts == {SECOND: Amount(0.3), THIRD: None}
    assert window.tools.prune.text() == "Prune 1 tensor"
    assert amount_cell(window, THIRD) is None
    choose(qtbot, window, "method", "n_m")
    assert window.tools.prune.text() == "Prune 2 tensors"


def test_that_a_wrong_option_is_refused_and_nothing_changes(qtbot, window, session):
    choose(qtbot, window, "method", "n_m")
    before = session.choice
    line = type_into(qtbot, window, "option_n", "6")
    assert line.property("wrong")
    assert "6:4 is no pattern" in line.accessibleDescription()
    assert line.text() == "6"
    assert session.choice == before
    type_into(qtbot, window, "option_m", "8")
    assert not line.property("wrong")
    assert (session.choice.method.n, session.choice.method.m) == (6, 8), "they are right together"
    qtbot.keyClick(line, Qt.Key.Key_Up)
    assert session.choice.method.n == 7
    line = type_into(qtbot, window, "option_dim", "x")
    assert line.property("wrong")
    assert session.choice.method.dim == 1


def test_that_options_stay_with_their_method(qtbot, window, session):
    choose(qtbot, window, "method", "ln_structured")
    type_into(qtbot, window, "option_n", "inf")
    choose(qtbot, window, "method", "l1_unstructured")
    choose(qtbot, window, "method", "ln_structured")
    assert session.choice.method.n == float("inf")
    assert window.findChild(QLineEdit, "option_n").text() == "inf"


def test_that_a_mask_is_taken_from_the_file_that_is_typed(qtbot, window, session, net, tmp_path):
    mask = (torch.rand_like(net.features[3].weight) < 0.5).to(torch.uint8)
    save_file({f"{SECOND}_mask": mask}, tmp_path / "mask.safetensors")
    choose(qtbot, window, "method", "custom_from_mask")
    session.select([SECOND])
    click(qtbot, window, "take_part")
    assert not window.tools.prune.isEnabled()
    assert "no file yet" in text_of(window, "what")
    type_into(qtbot, window, "option_file", str(tmp_path / "nowhere.safetensors"))
    window.actions_["prune"].trigger()
    qtbot.waitUntil(lambda: "nowhere.safetensors" in window.banner.text.text(), timeout=10_000)
    assert session.pruning is None
    assert session.amounts == {SECOND: None}
    type_into(qtbot, window, "option_file", str(tmp_path / "mask.safetensors"))
    assert amount_cell(window, SECOND) == "mask"
    prune(qtbot, window)
    torch_prune.custom_from_mask(net.features[3], "weight", mask)
    torch_prune.remove(net.features[3], "weight")
    assert torch.equal(saved(qtbot, window, tmp_path / "out.pt")[SECOND], net.features[3].weight)


def test_that_the_line_in_the_histogram_is_there_only_where_one_magnitude_cuts(qtbot, window, session):
    give(qtbot, window, [SECOND], "50%")
    view, caption = window.tensor.histogram, window.tensor._cut[1]
    weights = session.checkpoint.read(SECOND).abs().flatten().sort().values
    qtbot.waitUntil(lambda: view._threshold == pytest.approx(float(weights[575])), timeout=10_000)
    qtbot.waitUntil(lambda: "threshold" in caption.text())
    choose(qtbot, window, "scope", "global")
    assert view._threshold is None
    assert "threshold" not in caption.text()
    choose(qtbot, window, "method", "threshold")
    assert view._threshold is None
    type_into(qtbot, window, "option_value", "0.05")
    assert view._threshold == 0.05
    assert amount_cell(window, SECOND) == "|x| ≤ 0.05"
    choose(qtbot, window, "method", "n_m")
    assert view._threshold is None


def test_that_the_palette_and_the_menu_choose_the_method_and_the_scope(qtbot, window, session):
    window.actions_["palette"].trigger()
    palette = window.findChild(object, "command_palette")
    qtbot.keyClicks(palette.search, "method random un")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert session.choice.kind.name == "random_unstructured"
    checked = [action.text() for action in window.choices if action.isChecked()]
    assert checked == ["Random unstructured", "Per tensor"]
    next(action for action in window.choices if action.objectName() == "scope_global").trigger()
    assert session.choice.scope == "global"
    session.choose_method("random_structured")
    assert [action.isEnabled() for action in window.choices][-2:] == [True, False]


def test_that_rounds_tell_their_methods(qtbot, window, session):
    give(qtbot, window, [SECOND], "25%")
    prune(qtbot, window)
    choose(qtbot, window, "method", "n_m")
    click(qtbot, window, "take_part")
    prune(qtbot, window)
    choose(qtbot, window, "method", "random_unstructured")
    give(qtbot, window, [SECOND], "10%")
    told = text_of(window, "rounds")
    assert [part in told for part in (f"L1 unstructured 25{THIN}%", "2:4<br>", f"Random unstructured 10{THIN}%")] == [
        True
    ] * 3


def test_that_a_new_document_keeps_the_method_and_undo_does_not_reach_into_the_last(qtbot, window, session, tmp_path):
    choose(qtbot, window, "method", "n_m")
    save_net(tmp_path / "other.pt")
    open_and_count(qtbot, session, tmp_path / "other.pt")
    assert session.choice.kind.name == "n_m"
    assert session.undo_label is None
    assert window.tools.method.currentText() == "N:M"


def test_that_what_is_half_typed_never_reaches_another_method(qtbot, window, session):
    choose(qtbot, window, "method", "ln_structured")
    line = window.findChild(QLineEdit, "option_n")
    line.setFocus()
    qtbot.keyClicks(line, "3")
    session.choose_method("n_m")  # as from a menu, which does not take the focus
    assert (session.choice.method.n, session.choice.method.m) == (2, 4)
    session.choose_method("l1_unstructured")
    session.select([SECOND])
    amount = window.findChild(QLineEdit, "amount")
    amount.setFocus()
    qtbot.keyClicks(amount, "30%")
    session.choose_method("n_m")
    assert session.amounts == {}
