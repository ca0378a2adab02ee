"""Recipes and Python in the window: saved, applied, refused with their lines, and the same bytes as elsewhere."""

from pathlib import Path

import torch
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QCheckBox, QFileDialog, QPlainTextEdit, QPushButton, QRadioButton

import pruner
from app.recipe_rows import Column, RecipeRows
from pruner.cli import main
from tests.gui.acting import FIRST, SECOND, THIRD, WEIGHTS, choose, give, prune, saved
from tests.gui.models import Net, open_and_count, save_net

RECIPE = """\
[[round]]
amounts = { "*.weight" = "30%" }
exclude = ["features.1.*"]
[[round]]
method = "n_m"
tensors = ["classifier.weight"]
"""
WRONG = RECIPE.replace("classifier", "clasifier").replace("amounts", "amout", 1)


def dialog_of(qtbot, window, name: str):
    found = window.findChild(object, name)
    assert found is not None
    return found


def apply(qtbot, window, path: Path):
    """Drop a recipe on the window, and wait until it is read."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPoint(9, 9), Qt.DropAction.CopyAction, data, buttons, keys))
    qtbot.waitUntil(lambda: window.findChild(object, "apply_recipe_dialog") is not None)
    dialog = window.findChild(object, "apply_recipe_dialog")
    qtbot.waitUntil(lambda: dialog._found is not None, timeout=10_000)
    return dialog


def run(qtbot, window, dialog) -> None:
    before = window.session.pruning
    qtbot.mouseClick(dialog.findChild(QPushButton, "recipe_run"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.pruning is not before and not window.session.work.busy, timeout=10_000)


def code_of(qtbot, dialog, part: str) -> str:
    code = dialog.findChild(QPlainTextEdit, "code")
    qtbot.waitUntil(lambda: part in code.toPlainText(), timeout=10_000)
    return code.toPlainText()


def test_that_a_dropped_recipe_shows_what_it_matches_and_runs_as_one_step(qtbot, window, session, tmp_path):
    (tmp_path / "my.toml").write_text(RECIPE)
    dialog = apply(qtbot, window, tmp_path / "my.toml")
    model = dialog.rows
    shown = [[model.index(row, column).data() for column in Column] for row in range(model.rowCount())]
    assert shown == [
        ["1  L1 unstructured", "*.weight", "30\u202f%", "3", "1\u202f528"],
        ["1  L1 unstructured", "features.1.*", "held out", "1", "8"],
        ["2  2:4", "classifier.weight", "–", "1", "160"],
    ]
    assert dialog.untouched.text().startswith("Left as they are, since no pattern takes them: features.0.bias")
    assert dialog.run.text() == "&Run 2 rounds"
    assert session.pruning is None
    run(qtbot, window, dialog)
    assert session.undo_label == "recipe my.toml"
    saved(qtbot, window, tmp_path / "window.pt")
    assert (
        main(["prune", str(tmp_path / "net.pt"), "-o", str(tmp_path / "c.pt"), "--recipe", str(tmp_path / "my.toml")])
        == 0
    )
    assert (tmp_path / "window.pt").read_bytes() == (tmp_path / "c.pt").read_bytes()
    session.undo()
    assert session.pruning is None


def test_that_all_that_is_wrong_is_shown_with_its_line_and_read_again(qtbot, window, session, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(WRONG)
    dialog = apply(qtbot, window, path)
    told = [dialog.problems.item(row).text() for row in range(dialog.problems.count())]
    assert told[0].startswith("Line 1: the round says nothing")
    assert told[1] == "Line 2: “amout” is not a key of a round; did you mean “amounts”?"
    assert not dialog.run.isEnabled()
    path.write_text(RECIPE.replace("classifier", "clasifier"))
    qtbot.mouseClick(dialog.findChild(QPushButton, "recipe_again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.problems.count() == 1, timeout=10_000)
    assert (
        "Line 6: “clasifier.weight” matches no tensor. Close names: classifier.weight" in dialog.problems.item(0).text()
    )
    assert dialog.rows.index(2, Column.TENSORS).data() == "wrong"
    path.write_text(RECIPE)
    qtbot.keyClick(dialog, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: dialog.run.isEnabled(), timeout=10_000)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert session.pruning is None


def test_that_a_recipe_begins_with_the_file_or_goes_on(qtbot, window, session, tmp_path):
    (tmp_path / "my.toml").write_text('[[round]]\namounts = { "classifier.weight" = "50%" }\n')
    give(qtbot, window, [FIRST, THIRD], "50%")
    prune(qtbot, window)
    dialog = apply(qtbot, window, tmp_path / "my.toml")
    run(qtbot, window, dialog)
    assert {name: one.pruned for name, one in session.pruning.tensors.items()} == {THIRD: 80}
    session.undo()
    assert set(session.pruning) == {FIRST, THIRD}
    dialog = apply(qtbot, window, tmp_path / "my.toml")
    box = dialog.findChild(QCheckBox, "recipe_afresh")
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    run(qtbot, window, dialog)
    assert session.pruning[THIRD].pruned == 120
    assert set(session.pruning) == {FIRST, THIRD}


def test_that_a_later_round_that_fails_leaves_everything(qtbot, window, session, tmp_path):
    one = '[[round]]\namounts = { "classifier.weight" = 100 }\n'
    (tmp_path / "my.toml").write_text(one * 2)
    dialog = apply(qtbot, window, tmp_path / "my.toml")
    qtbot.mouseClick(dialog.run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("Round 2 of 2" in text for text in window.told), timeout=10_000)
    assert session.pruning is None


def test_that_what_was_done_and_planned_is_saved_and_does_the_same(qtbot, window, session, tmp_path):
    give(qtbot, window, WEIGHTS, "30%")
    prune(qtbot, window)
    choose(qtbot, window, "scope", "global")
    give(qtbot, window, [SECOND, THIRD], "20%")
    window.actions_["save_recipe"].trigger()
    dialog = dialog_of(qtbot, window, "save_recipe_dialog")
    text = code_of(qtbot, dialog, "Round 2")
    assert "# Round 1: 3 tensors of 1,528 elements; 459 pruned." in text
    dialog.save_to(tmp_path / "made.toml")
    qtbot.waitUntil(lambda: any(told.startswith("Saved ") for told in window.told), timeout=10_000)
    assert (tmp_path / "made.toml").read_text() == text
    prune(qtbot, window)
    saved(qtbot, window, tmp_path / "window.pt")
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    pruner.save(checkpoint, pruner.Recipe.read(tmp_path / "made.toml").apply(checkpoint), tmp_path / "python.pt")
    assert (tmp_path / "window.pt").read_bytes() == (tmp_path / "python.pt").read_bytes()


def test_that_a_planned_round_alone_makes_a_recipe(qtbot, window, session, tmp_path):
    assert not window.actions_["save_recipe"].isEnabled()
    give(qtbot, window, [SECOND], "to 80%")
    window.actions_["save_recipe"].trigger()
    dialog = dialog_of(qtbot, window, "save_recipe_dialog")
    assert '"features.3.weight" = "to 80%"' in code_of(qtbot, dialog, "[[round]]")
    assert not dialog.rounds.planned.isEnabled()
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    chooser = dialog.findChild(QFileDialog)
    assert chooser.selectedFiles() == [str(tmp_path / "net.toml")]
    chooser.reject()
    dialog.reject()


def test_that_python_is_copied_in_both_styles_and_prunes_the_same(qtbot, window, session, tmp_path):
    give(qtbot, window, WEIGHTS, "30%")
    prune(qtbot, window)
    saved(qtbot, window, tmp_path / "window.pt")
    window.actions_["copy_python"].trigger()
    dialog = dialog_of(qtbot, window, "python_dialog")
    code_of(qtbot, dialog, "prune.l1_unstructured(")
    _check(qtbot, dialog, "python_class")
    code_of(qtbot, dialog, "prune.L1Unstructured.apply(")
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    module = Net()
    module.load_state_dict(torch.load(tmp_path / "net.pt"))
    text = QGuiApplication.clipboard().text().replace("module = ...", "module = given")
    exec(text, {"given": module})
    found = torch.load(tmp_path / "window.pt")
    assert torch.equal(module.features[3].weight, found[SECOND])
    _check(qtbot, dialog, "python_load")
    code_of(qtbot, dialog, "window.pt")
    assert not dialog.findChild(QRadioButton, "python_class").isEnabled()
    _check(qtbot, dialog, "python_state_dict")
    code_of(qtbot, dialog, "net-pruned.pt")
    dialog.reject()


def _check(qtbot, dialog, name: str) -> None:
    button = dialog.findChild(QRadioButton, name)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))
    assert button.isChecked()


def test_that_a_recipe_waits_for_a_model(qtbot, session, tmp_path):
    from app.main_window import MainWindow

    window = MainWindow(session)
    qtbot.addWidget(window)
    window.recipes.apply(tmp_path / "my.toml")
    assert "open the model that it is for first" in window.banner.text.text()


def test_that_the_rows_are_a_sound_model(qtbot, tmp_path):
    save_net(tmp_path / "net.pt")
    rows = RecipeRows()
    QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    checkpoint = pruner.open_checkpoint(tmp_path / "net.pt")
    for text in (RECIPE, RECIPE.replace("classifier", "x")):
        rows.show_match(pruner.Recipe.parse(text).match(checkpoint))
        assert rows.rowCount() == 3
    rows.show_match(None)
    assert rows.rowCount() == 0


def test_that_cancel_in_a_later_round_leaves_everything(qtbot, window, session, tmp_path):
    torch.save({"a.weight": torch.randn(8_000_000), "b.weight": torch.randn(4)}, tmp_path / "large.pt")
    open_and_count(qtbot, session, tmp_path / "large.pt")
    give(qtbot, window, ["b.weight"], "50%")
    prune(qtbot, window)
    before = session.pruning
    (tmp_path / "my.toml").write_text('[[round]]\namounts = { "a.weight" = "1%" }\n' * 60)
    dialog = apply(qtbot, window, tmp_path / "my.toml")
    with qtbot.waitSignal(
        session.work.progressed, timeout=10_000, check_params_cb=lambda state: state.done > state.total / 60
    ):
        qtbot.mouseClick(dialog.run, Qt.MouseButton.LeftButton)
    window.actions_["cancel"].trigger()
    qtbot.waitUntil(lambda: not session.work.busy, timeout=10_000)
    assert window.told[-1] == "Recipe my.toml: 60 rounds: cancelled. Nothing has changed."
    assert session.pruning is before
    assert session.undo_label == "pruning of 1 tensor"
