"""One amount over all tensors together, and targets, in the window, as a user gives them."""

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QComboBox, QLineEdit
from safetensors.torch import save_file

from app.tree_columns import Column
from pruner import Amount
from tests.gui.acting import (
    FIRST,
    SECOND,
    THIN,
    THIRD,
    WEIGHTS,
    amount_cell,
    choose,
    give,
    prune,
    saved,
    text_of,
    type_into,
)


def test_that_all_together_prunes_as_torchs_global_unstructured(qtbot, window, session, net, tmp_path):
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, [FIRST, SECOND], "30%")
    give(qtbot, window, [THIRD], "40%")
    assert session.amounts == dict.fromkeys(WEIGHTS, Amount(0.4))
    assert [amount_cell(window, name) for name in WEIGHTS] == [f"40{THIN}% of all"] * 3
    assert amount_cell(window, FIRST, Column.AFTER) == "–"
    assert text_of(window, "equals") == f"= 611 of 1{THIN}528 · 3 tensors together"
    planned = text_of(window, "summary").split("now, ")[1]
    prune(qtbot, window)
    modules = [(net.features[0], "weight"), (net.features[3], "weight"), (net.classifier, "weight")]
    torch_prune.global_unstructured(modules, torch_prune.L1Unstructured, amount=0.4)
    for module, name in modules:
        torch_prune.remove(module, name)
    out = saved(qtbot, window, tmp_path / "out.pt")
    assert all(torch.equal(out[name], value) for name, value in net.state_dict().items())
    assert planned.split(" planned")[0] == text_of(window, "summary").split("zeros ")[1].split(" now")[0]


def test_that_a_tensor_whose_amount_is_cleared_is_held_out_of_all_together(qtbot, window, session):
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, WEIGHTS, "1000")
    give(qtbot, window, [THIRD], "")
    assert session.amounts == {FIRST: Amount(1000), SECOND: Amount(1000)}
    line = give(qtbot, window, [FIRST], "2000")
    assert line.property("wrong"), "2000 are more than both have"
    assert session.amounts[FIRST] == Amount(1000)


def test_that_switching_the_scope_unites_the_amounts_says_so_and_can_be_undone(qtbot, window, session):
    give(qtbot, window, [FIRST, SECOND], "30%")
    give(qtbot, window, [THIRD], "50")
    session.select([SECOND])
    choose(qtbot, window, "scope", "global")
    assert session.amounts == dict.fromkeys(WEIGHTS, Amount(0.3)), "the current tensor's amount"
    assert f"30{THIN}% now holds for all" in window.banner.text.text()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.amounts == {FIRST: Amount(0.3), SECOND: Amount(0.3), THIRD: Amount(50)}
    assert window.tools.scope.currentText() == "Per tensor"
    assert session.choice.scope == "local"


def test_that_a_count_of_all_becomes_its_share_of_each(qtbot, window, session):
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, WEIGHTS, "382")
    choose(qtbot, window, "scope", "local")
    assert session.amounts == dict.fromkeys(WEIGHTS, Amount(0.25))
    assert f"became 25{THIN}% of each" in window.told[-1]


def test_that_the_floor_and_the_ceiling_hold(qtbot, window, session):
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, WEIGHTS, "50%")
    type_into(qtbot, window, "option_floor", "45")
    type_into(qtbot, window, "option_ceiling", "0.52")
    assert (session.choice.floor, session.choice.ceiling) == (0.45, 0.52)
    wrong = type_into(qtbot, window, "option_floor", "60")
    assert wrong.property("wrong")
    assert session.choice.floor == 0.45
    prune(qtbot, window)
    shares = [session.pruning[name].pruned / session.checkpoint[name].numel for name in WEIGHTS]
    assert all(0.45 <= share <= 0.52 for share in shares)


@pytest.mark.parametrize("where", ["card", "tree"])
def test_that_a_target_is_reached_exactly_also_after_another_round(qtbot, window, session, where):
    give(qtbot, window, [SECOND], "30%")
    prune(qtbot, window)
    if where == "card":
        give(qtbot, window, [SECOND], "to 80%")
    else:
        window.tree.view.setCurrentIndex(window.tree.model.index_of(SECOND))
        window.tree.view.edit_amount("")
        editor = window.tree.view.findChildren(QLineEdit, "amount_editor")[-1]
        qtbot.keyClicks(editor, "to 80%")
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        QCoreApplication.processEvents()
    assert session.amounts == {SECOND: Amount.target(0.8)}
    assert amount_cell(window, SECOND) == f"to 80{THIN}% = 576"
    assert amount_cell(window, SECOND, Column.AFTER) == f"80.0{THIN}%"
    prune(qtbot, window)
    assert session.pruning[SECOND].zeros == round(0.8 * 1152)


def test_that_the_unit_says_the_same_in_another_way(qtbot, window, session):
    give(qtbot, window, [SECOND], "25%")
    unit = window.findChild(QComboBox, "unit")
    for place, amount in ((1, Amount(288)), (2, Amount.target(0.25)), (0, Amount(0.25))):
        unit.setCurrentIndex(place)
        unit.activated.emit(place)
        assert session.amounts == {SECOND: amount}
        assert text_of(window, "equals") == f"= 288 of 1{THIN}152"


def test_that_a_target_says_counting_while_zeros_are_not_counted(qtbot, window, session):
    give(qtbot, window, [SECOND], "to 80%")
    session.zeros = {}
    session._found_zeros({})
    assert text_of(window, "equals") == "counting…"
    assert amount_cell(window, SECOND) == f"to 80{THIN}%"
    assert "counting zeros" in text_of(window, "summary")


def test_that_the_scope_is_offered_only_where_the_method_has_it(qtbot, window, session):
    choose(qtbot, window, "scope", "global")
    choose(qtbot, window, "method", "ln_structured")
    assert not window.tools.scope.isEnabled()
    assert window.tools.scope.currentText() == "Per tensor"
    assert "each tensor by itself" in window.tools.scope.toolTip()
    choose(qtbot, window, "method", "l1_unstructured")
    assert window.tools.scope.currentText() == "All together"


def test_that_scores_from_a_file_decide_over_all_together(qtbot, window, session, net, tmp_path):
    scores = {name: torch.rand_like(net.state_dict()[name]) for name in (SECOND, THIRD)}
    save_file(scores, tmp_path / "scores.safetensors")
    choose(qtbot, window, "method", "scores")
    type_into(qtbot, window, "option_file", str(tmp_path / "scores.safetensors"))
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, [SECOND, THIRD], "30%")
    prune(qtbot, window)
    modules = [(net.features[3], "weight"), (net.classifier, "weight")]
    importance = dict(zip(modules, scores.values(), strict=True))
    torch_prune.global_unstructured(modules, torch_prune.L1Unstructured, importance, amount=0.3)
    for (module, _), name in zip(modules, scores, strict=True):
        assert torch.equal(session.pruning[name].mask.to_tensor(), module.weight_mask.bool())


def test_that_the_scope_changes_back_and_forth_with_nothing_planned_and_after_a_round(qtbot, window, session):
    for scope in ("global", "local"):
        choose(qtbot, window, "scope", scope)
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, WEIGHTS, "to 80%")
    prune(qtbot, window)
    choose(qtbot, window, "scope", "local")
    give(qtbot, window, [FIRST], "50%")
    assert session.amounts == {FIRST: Amount(0.5)}
    for method in ("ln_structured", "n_m", "threshold", "scores", "random_unstructured", "l1_unstructured"):
        choose(qtbot, window, "method", method)
    assert session.amounts == {FIRST: Amount(0.5)}


def test_that_a_ratio_typed_after_a_round_to_a_target_is_a_ratio(qtbot, window, session):
    give(qtbot, window, [FIRST], "to 60%")
    assert session.amounts == {FIRST: Amount.target(0.6)}
    prune(qtbot, window)
    assert window.findChild(QComboBox, "unit").currentText() == "ratio"
    give(qtbot, window, [FIRST], "50%")
    assert session.amounts == {FIRST: Amount(0.5)}
