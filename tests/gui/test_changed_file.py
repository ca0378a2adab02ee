"""A file that changes on disk while it is open."""

import json
import os
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QPushButton
from safetensors.torch import save_file

from app.main_window import MainWindow
from app.watcher import MOST_WATCHED
from pruner import Amount
from tests.gui.acting import fact_in
from tests.gui.models import open_and_count, save_net

NAME, OTHER = "features.3.weight", "classifier.weight"
CHANGED = "net.pt has changed on disk since it was opened."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_net(tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.fixture
def window(qtbot, session, path):
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    window.show()
    open_and_count(qtbot, session, path)
    qtbot.waitUntil(lambda: bool(session.files._watcher.files()))
    return window


def rewrite(path: Path, **changes: torch.Tensor) -> None:
    """Write other numbers over the file; `changes` are of the tensor's name with its last dot as `__`."""
    tensors = torch.load(path)
    tensors = {name: value + 1 for name, value in tensors.items()}
    tensors.update({name.replace("__", "."): value for name, value in changes.items()})
    torch.save(tensors, path)


def replace_by_rename(path: Path) -> None:
    """Write beside the file and move into its place, as programs do that never leave half a file."""
    tensors = torch.load(path)
    torch.save({name: value + 1 for name, value in tensors.items()}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def wait_for_state(qtbot, session, state: str) -> None:
    qtbot.waitUntil(lambda: session.files.state == state, timeout=10_000)


def prune(qtbot, session) -> None:
    session.set_amounts([NAME], Amount(0.5))
    session.prune()
    qtbot.waitUntil(lambda: session.pruning is not None and not session.work.busy, timeout=20_000)


@pytest.mark.parametrize("change", [rewrite, replace_by_rename])
def test_that_a_change_is_told_and_reload_shows_the_new_numbers(qtbot, window, session, path, change):
    session.set_amounts([NAME], Amount(0.5))
    session.select([OTHER])
    before = session.checkpoint
    for _ in range(2):  # the second time the file is another one under the same path
        change(path)
        wait_for_state(qtbot, session, "changed")
        assert window.banner.isVisible()
        assert window.banner.text.text() == CHANGED
        assert window.windowTitle() == "net.pt[*] (changed on disk) — Secateur"
        qtbot.mouseClick(window.banner.offer, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: session.files.state == "same" and not session.work.busy, timeout=10_000)
        assert not window.banner.isVisible()
    assert session.checkpoint is not before
    assert window.windowTitle() == "net.pt[*] — Secateur"
    assert session.amounts == {NAME: Amount(0.5)}
    assert session.current == OTHER
    assert torch.equal(session.checkpoint.read(NAME), torch.load(path)[NAME])


def test_that_the_window_keeps_saying_so_after_the_banner_is_closed(qtbot, window, session, path):
    stale = window.findChild(QPushButton, "stale")
    assert not stale.isVisible()
    rewrite(path)
    wait_for_state(qtbot, session, "changed")
    qtbot.mouseClick(window.banner._close, Qt.MouseButton.LeftButton)
    assert not window.banner.isVisible()
    assert stale.isVisible()
    assert stale.text() == "Changed on disk: reload"
    assert fact_in(window.file.facts, "On disk") == "changed since it was opened"
    qtbot.mouseClick(stale, Qt.MouseButton.LeftButton)
    wait_for_state(qtbot, session, "same")
    assert not stale.isVisible()
    assert fact_in(window.file.facts, "On disk") == ""


def test_that_pruning_and_saving_are_refused_while_the_file_is_another(qtbot, window, session, path):
    prune(qtbot, session)
    pruned = session.pruning
    session.set_amounts([OTHER], Amount(10))
    rewrite(path)
    wait_for_state(qtbot, session, "changed")
    qtbot.mouseClick(window.tools.prune, Qt.MouseButton.LeftButton)
    assert window.banner.text.text() == f"Nothing was pruned. {CHANGED} Reload it first."
    assert window.banner.offer.isVisible()
    assert session.pruning is pruned
    window.actions_["save"].trigger()
    assert window.findChild(object, "save_dialog") is None
    assert window.banner.text.text() == f"Nothing was saved. {CHANGED} Reload it first."
    assert not session.work.busy


def test_that_a_change_that_nothing_told_of_is_found_before_numbers_are_used(qtbot, window, session, path):
    session.set_amounts([NAME], Amount(0.5))
    session.files._unwatch()
    rewrite(path)
    assert session.files.state == "same"
    session.prune()
    qtbot.waitUntil(lambda: not session.work.busy, timeout=20_000)
    assert session.pruning is None
    assert window.banner.text.text() == f"Nothing was pruned. {CHANGED} Reload it first."
    assert session.amounts == {NAME: Amount(0.5)}
    wait_for_state(qtbot, session, "changed")


def test_that_a_change_is_found_when_the_window_becomes_active_again(qtbot, window, session, path):
    session.files._unwatch()
    rewrite(path)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QApplication.sendEvent(window, QEvent(QEvent.Type.ActivationChange))
    wait_for_state(qtbot, session, "changed")


def test_that_a_change_is_found_when_another_tensor_is_to_be_shown(qtbot, window, session, path):
    session.files._unwatch()
    rewrite(path)
    session.select([OTHER])
    wait_for_state(qtbot, session, "changed")
    assert window.banner.text.text() == CHANGED


def test_that_amounts_stay_only_where_the_tensor_has_the_same_name_and_shape(qtbot, window, session, path):
    session.set_amounts([NAME], Amount(0.5))
    session.set_amounts([OTHER], Amount(100))
    session.set_amounts(["features.0.weight"], Amount(3))
    rewrite(path, classifier__weight=torch.randn(2, 80))
    wait_for_state(qtbot, session, "changed")
    qtbot.keyClick(window, Qt.Key.Key_F5)
    wait_for_state(qtbot, session, "same")
    assert session.amounts == {NAME: Amount(0.5), "features.0.weight": Amount(3)}
    assert session.undo_label is None
    assert "1 planned amount" in window.banner.text.text()


def test_that_a_file_that_is_gone_says_so_and_can_be_reloaded_when_it_is_back(qtbot, window, session, path):
    kept = path.read_bytes()
    path.unlink()
    wait_for_state(qtbot, session, "gone")
    assert window.banner.text.text().startswith("net.pt is not there any more")
    assert not window.banner.offer.isVisible()
    assert not window.actions_["reload"].isEnabled()
    assert window.windowTitle() == "net.pt[*] (not on disk) — Secateur"
    session.set_amounts([NAME], Amount(0.5))
    session.prune()
    assert window.banner.text.text().startswith("Nothing was pruned. net.pt is not there any more")
    path.write_bytes(kept)
    wait_for_state(qtbot, session, "changed")
    assert window.banner.offer.isVisible()
    qtbot.mouseClick(window.banner.offer, Qt.MouseButton.LeftButton)
    wait_for_state(qtbot, session, "same")
    assert session.amounts == {NAME: Amount(0.5)}


def test_that_a_file_that_comes_back_as_it_was_needs_no_reload(qtbot, window, session, path):
    path.rename(path.with_suffix(".away"))
    wait_for_state(qtbot, session, "gone")
    path.with_suffix(".away").rename(path)
    qtbot.mouseClick(window.findChild(QPushButton, "stale"), Qt.MouseButton.LeftButton)
    wait_for_state(qtbot, session, "same")
    assert not window.banner.isVisible()
    prune(qtbot, session)


def test_that_pruning_that_cannot_be_saved_any_more_is_discarded_only_when_the_user_says_so(
    qtbot, window, session, path
):
    prune(qtbot, session)
    rewrite(path)
    wait_for_state(qtbot, session, "changed")
    qtbot.mouseClick(window.banner.offer, Qt.MouseButton.LeftButton)
    question = window.findChild(object, "unsaved")
    buttons = question.StandardButton
    assert question.button(buttons.Save) is None
    question.button(buttons.Cancel).click()
    assert session.unsaved
    window.actions_["reload"].trigger()
    question = window.findChildren(type(question), "unsaved")[-1]
    question.button(buttons.Discard).click()
    wait_for_state(qtbot, session, "same")
    assert session.pruning is None


def test_that_a_file_that_cannot_be_read_now_stays_as_it_was_opened(qtbot, window, session, path):
    before = session.checkpoint
    path.write_bytes(b"PK\x03\x04 half a file")
    wait_for_state(qtbot, session, "changed")
    window.actions_["reload"].trigger()
    qtbot.waitUntil(lambda: "net.pt:" in window.banner.text.text(), timeout=10_000)
    assert session.checkpoint is before
    assert session.files.state == "changed"


def test_that_a_touched_file_with_other_times_counts_as_changed_and_a_read_one_does_not(qtbot, window, session, path):
    path.read_bytes()
    path.chmod(0o600)
    qtbot.wait(600)
    assert session.files.state == "same"
    os.utime(path, ns=(1, 1))
    wait_for_state(qtbot, session, "changed")


def test_that_only_so_many_files_of_a_set_are_watched_and_all_are_looked_at(qtbot, session, tmp_path):
    places = {f"w{number}": f"shard-{number:03}.safetensors" for number in range(MOST_WATCHED + 6)}
    for name, shard in places.items():
        save_file({name: torch.ones(2)}, tmp_path / shard)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    open_and_count(qtbot, session, tmp_path)
    qtbot.waitUntil(lambda: len(session.files._watcher.files()) == MOST_WATCHED)
    last = session.checkpoint.files[-1].path
    os.utime(last, ns=(1, 1))
    session.files.check()
    wait_for_state(qtbot, session, "changed")
    assert window.banner.text.text() == f"A file of {tmp_path.name} has changed on disk since it was opened."


def test_that_another_document_is_not_blamed_for_the_last_ones_file(qtbot, window, session, path, tmp_path):
    rewrite(path)
    wait_for_state(qtbot, session, "changed")
    save_net(tmp_path / "other.pt")
    open_and_count(qtbot, session, tmp_path / "other.pt")
    assert session.files.state == "same"
    assert window.windowTitle() == "other.pt[*] — Secateur"
    rewrite(path)
    qtbot.wait(500)
    assert session.files.state == "same"
