"""The panel about the file: its facts, and what its pickles would run."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QDockWidget, QLabel, QTabBar, QWidget
from safetensors.torch import save_file

from app import style, theme
from app.file_panel import FilePanel
from app.globals_model import Column, GlobalsModel
from app.main_window import MainWindow
from app.plain import clipped
from app.verdicts import danger, summary
from pruner.pickles.danger import GlobalUse
from tests.gui.acting import fact_in
from tests.gui.models import open_and_count, save_net, save_two

USES = (
    GlobalUse("collections.OrderedDict", True, "plain", "It builds a dictionary."),
    GlobalUse("zoo.Net", False, "code", "It would run code of the package “zoo”."),
    GlobalUse("os.system", True, "dangerous", "It would start a program."),
    GlobalUse("ape.Net", True, "code", "It would run code of the package “ape”."),
)


class Trap:
    """Starts a program when it is loaded by pickle."""

    def __reduce__(self):
        return os.system, ("true",)


@pytest.fixture
def panel(qtbot, session, tmp_path: Path):
    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    panel = FilePanel(session)
    qtbot.addWidget(panel)
    fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
    panel.testers = [QAbstractItemModelTester(model, fatal) for model in (panel.model, panel.table.proxy)]
    panel.resize(1100, 220)
    panel.show()
    name(session, USES)
    return panel


def name(session, uses: tuple[GlobalUse, ...]) -> None:
    """Let the open file name these."""
    session._renew(replace(session._history.state, checkpoint=replace(session.checkpoint, globals=uses)))
    session.checkpoint_changed.emit()


def seen(widget: QWidget) -> bool:
    """Whether any of it can be seen; a panel behind another tab is visible to Qt."""
    return not widget.visibleRegion().isEmpty()


def column(panel: FilePanel, which: Column) -> list[str]:
    proxy = panel.table.proxy
    return [proxy.index(row, which).data() for row in range(proxy.rowCount())]


def test_that_before_a_file_is_open_the_panel_says_what_it_is_for(qtbot, session):
    panel = FilePanel(session)
    qtbot.addWidget(panel)
    panel.show()
    shown = [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]
    assert shown == ["Open a checkpoint to see what is in its file beside the weights."]


def test_that_the_facts_say_what_the_file_is(qtbot, session, tmp_path):
    save_two(tmp_path / "two.pt")
    panel = FilePanel(session)
    qtbot.addWidget(panel)
    open_and_count(qtbot, session, tmp_path / "two.pt")
    facts = panel.facts
    assert fact_in(facts, "Path") == str(tmp_path / "two.pt")
    assert "torch" in fact_in(facts, "Container")
    assert fact_in(facts, "Size").endswith("bytes) in 1 file")
    assert fact_in(facts, "Kept beside them") == "3 keys"
    assert fact_in(facts, "Metadata") == "none"
    assert fact_in(facts, "Warnings") == ""
    warned = replace(session.checkpoint, warnings=("A tensor is left out.", "<b>Another</b> too."))
    facts.show_facts(warned, "same")
    assert fact_in(facts, "Warnings") == "2"
    row = facts.findItems("Warnings", Qt.MatchFlag.MatchExactly)[0]
    assert row.isExpanded(), "what warns is not folded away"
    assert row.child(1).text(1) == "<b>Another</b> too."


def test_that_metadata_and_shards_unfold_and_are_copied_in_full_length(qtbot, session, tmp_path):
    long = "long " * 200 + "end"
    save_file({"w": torch.ones(4)}, tmp_path / "m.safetensors", {"format": "pt", "note": long})
    panel = FilePanel(session)
    qtbot.addWidget(panel)
    panel.show()
    open_and_count(qtbot, session, tmp_path / "m.safetensors")
    row = panel.facts.findItems("Metadata", Qt.MatchFlag.MatchExactly)[0]
    row.setExpanded(True)
    notes = {row.child(place).text(0): row.child(place) for place in range(row.childCount())}
    assert set(notes) == {"format", "note"}
    assert len(notes["note"].text(1)) == 300
    panel.facts.setCurrentItem(notes["note"])
    qtbot.keyClick(panel.facts, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"note\t{long}"


def test_that_the_most_dangerous_stands_first_and_says_so_in_words(panel):
    assert column(panel, Column.NAME) == ["os.system", "ape.Net", "zoo.Net", "collections.OrderedDict"]
    assert column(panel, Column.VERDICT) == ["dangerous", "runs code", "runs code", "builds data"]
    assert column(panel, Column.USED) == ["called", "called", "named", "called"]
    assert column(panel, Column.WHY)[0] == "It would start a program."
    signs = [panel.table.proxy.index(row, Column.VERDICT).data(Qt.ItemDataRole.DecorationRole) for row in range(4)]
    assert not any(sign.isNull() for sign in signs)
    assert panel.summary.text() == (
        "4 classes and functions: 1 dangerous, 2 run code of packages, 1 builds data. Secateur runs none of them."
    )


def test_that_a_click_on_a_header_sorts_and_a_third_brings_the_first_order_back(panel, qtbot):
    header = panel.table.horizontalHeader()

    def click(section: Column) -> list[str]:
        place = QPoint(header.sectionPosition(section) + 10, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        return column(panel, Column.NAME)

    assert click(Column.NAME) == ["ape.Net", "collections.OrderedDict", "os.system", "zoo.Net"]
    assert click(Column.NAME) == ["zoo.Net", "os.system", "collections.OrderedDict", "ape.Net"]
    assert click(Column.NAME) == ["os.system", "ape.Net", "zoo.Net", "collections.OrderedDict"]
    click(Column.VERDICT)
    assert column(panel, Column.VERDICT) == ["dangerous", "runs code", "runs code", "builds data"]
    click(Column.VERDICT)
    assert column(panel, Column.VERDICT)[0] == "builds data"


def test_that_ctrl_c_copies_the_chosen_rows_as_text(panel, qtbot):
    panel.table.setFocus()
    first = panel.table.visualRect(panel.table.proxy.index(0, 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=first)
    qtbot.keyClick(panel.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == (
        "os.system\tcalled\tdangerous\tIt would start a program.\n"
        "ape.Net\tcalled\truns code\tIt would run code of the package “ape”."
    )


def test_that_a_file_without_pickles_says_that_nothing_could_run(panel, session):
    name(session, ())
    assert panel.summary.text() == "This container holds no pickles: nothing in it could run."
    assert not panel.table.isVisible()
    name(session, USES)
    assert panel.table.isVisible()


def test_that_names_of_any_length_and_with_markup_stay_text_on_one_line(panel, session):
    name(session, (GlobalUse("<b>os</b>\n\u202e" + "x" * 5000, True, "dangerous", "Because."),))
    index = panel.table.proxy.index(0, Column.NAME)
    assert len(index.data()) == 300
    assert "\n" not in index.data()
    assert "\u202e" not in index.data()
    assert "<b>" not in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_that_the_model_has_rows_only_at_the_top_and_titles_with_explanations(panel):
    model: GlobalsModel = panel.model
    assert model.rowCount(model.index(0, 0)) == 0
    horizontal = Qt.Orientation.Horizontal
    for place in Column:
        assert model.headerData(place, horizontal)
        assert model.headerData(place, horizontal, Qt.ItemDataRole.ToolTipRole)


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_that_verdicts_can_be_read_in_both_themes(panel, qapp, chosen):
    theme.choose(chosen)
    try:
        for row in range(panel.model.rowCount()):
            index = panel.model.index(row, Column.VERDICT)
            text = index.data(Qt.ItemDataRole.ForegroundRole)
            ground = index.data(Qt.ItemDataRole.BackgroundRole)
            ground = ground.name() if ground is not None else theme.current().surface
            assert contrast(text.name(), ground) >= 4.5
    finally:
        theme.choose("system")


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG counts it."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_that_summaries_count_in_words():
    assert summary(USES[:1]) == "1 class or function: 1 builds data. Secateur does not run it."
    assert clipped("a" * 50, 11) == "aaaaa…aaaaa"
    assert clipped("a\n b", 11) == "a b"


def test_that_opening_a_file_that_would_start_a_program_warns_once_and_marks_the_tab(qtbot, session, tmp_path):
    torch.save({"model": {"w": torch.randn(8, 8)}, "x": Trap()}, tmp_path / "model.pt")
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    told = []
    session.message.connect(told.append)
    window.open(tmp_path / "model.pt")
    qtbot.waitUntil(lambda: session.checkpoint is not None and not session.work.busy, timeout=10_000)
    text = window.banner.text.text()
    assert window.banner.isVisible()
    assert text.startswith("model.pt names posix.system" if os.name == "posix" else "model.pt names nt.system")
    assert text.endswith("Secateur does not run it; see File.")
    dock = window.findChild(QDockWidget, "dock_file")
    assert dock.windowTitle() == "⚠ File"
    assert "⚠ File" in [bar.tabText(place) for bar in window.findChildren(QTabBar) for place in range(bar.count())]
    assert not seen(dock.widget().table)
    qtbot.mouseClick(window.banner.offer, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: seen(dock.widget().table))
    assert column(window.file, Column.VERDICT)[0] == "dangerous"

    told.clear()
    window.actions_["reload"].trigger()
    qtbot.waitUntil(lambda: any(message.text == "Reloaded model.pt." for message in told), timeout=10_000)
    assert not [message for message in told if message.severity != "info"], "it was said once"

    save_net(tmp_path / "net.pt")
    open_and_count(qtbot, session, tmp_path / "net.pt")
    assert dock.windowTitle() == "File"
    assert not window.banner.isVisible()


def test_that_the_warning_says_what_would_happen_and_how_many_there_are(panel, session):
    checkpoint = session.checkpoint
    assert danger(checkpoint) == (
        "net.pt names os.system, which would start a program if it were loaded by pickle. "
        "Secateur does not run it; see File."
    )
    two = replace(checkpoint, globals=(*USES, GlobalUse("builtins.eval", True, "dangerous", "Runs text.")))
    assert danger(two) == (
        "net.pt names builtins.eval and 1 more that are dangerous. Runs text. Secateur runs none of them; see File."
    )
    assert danger(replace(checkpoint, globals=USES[:2])) == ""


def test_that_the_panel_is_opened_by_a_key_and_follows_the_theme(qtbot, session, qapp, tmp_path):
    save_net(tmp_path / "net.pt")
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    open_and_count(qtbot, session, tmp_path / "net.pt")
    assert not seen(window.file.facts)
    qtbot.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: seen(window.file.facts))
    assert window.file.facts.hasFocus()
    inks = set()
    for chosen in ("light", "dark"):
        theme.choose(chosen)
        style.apply(qapp)
        item = window.file.facts.topLevelItem(0)
        inks.add(item.foreground(0).color().name())
    theme.choose("system")
    style.apply(qapp)
    assert inks == {theme.LIGHT.muted.lower(), theme.DARK.muted.lower()}


def test_that_a_long_name_in_a_warning_does_not_widen_the_window(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    open_and_count(qtbot, session, tmp_path / "net.pt")
    session.tell("warning", "Short.", offer="show_file")
    QCoreApplication.processEvents()
    width = window.minimumSizeHint().width()
    text = f"net.pt names {'package_' * 12}, and {'/folder' * 30}."
    session.tell("warning", text, offer="show_file")
    QCoreApplication.processEvents()
    assert window.minimumSizeHint().width() <= width + 80, "a part of the name fits, not all of it"
    qtbot.mouseClick(window.banner._copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == text
