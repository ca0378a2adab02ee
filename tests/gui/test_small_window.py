"""The window on a small screen."""

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QLabel, QWidget

from app import numbers
from app.amount_panel import AmountPanel
from tests.gui.acting import FIRST, opened
from tests.gui.models import save_net


def test_that_nothing_of_the_cards_is_cut_off_at_the_side(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    window = opened(qtbot, session, tmp_path / "net.pt")
    session.select([FIRST])
    panel = window.findChild(AmountPanel)
    for width in (1440, 1000, 1440):
        window.resize(width, 700)
        qtbot.wait(50)
        assert window.width() == width
        seen = panel.viewport().width()
        for name in ("amount", "unit", "equals"):
            part = panel.findChild(QWidget, name)
            place = QRect(part.mapTo(panel.viewport(), part.rect().topLeft()), part.size())
            assert 0 <= place.left() < place.right() < seen, (width, name)


def test_that_no_line_of_a_label_ends_within_a_number(qtbot):
    label = QLabel(f"{numbers.count(1_478_848)} {numbers.size(1 << 20)}")
    qtbot.addWidget(label)
    label.setWordWrap(True)
    line = label.fontMetrics().lineSpacing()
    assert round(label.heightForWidth(20) / line) == 2, "a line each"


def test_that_a_long_note_is_cut_and_never_widens_the_window(qtbot, session, tmp_path):
    save_net(tmp_path / "net.pt")
    window = opened(qtbot, session, tmp_path / "net.pt")
    window.resize(1100, 700)
    session.tell("info", "Repaired: " + "a thing and another thing; " * 20)
    qtbot.wait(50)
    note = window.findChild(QLabel, "note")
    assert window.width() == 1100
    assert window.rect().contains(QRect(note.mapTo(window, note.rect().topLeft()), note.size()))
    assert "another thing" in note.toolTip()
