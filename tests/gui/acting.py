"""What a user does in the window, for tests."""

from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from app.facts_view import FactsView
from app.main_window import MainWindow
from app.session import Session
from app.tree_columns import Column
from tests.gui.models import open_and_count

FIRST, SECOND, THIRD = "features.0.weight", "features.3.weight", "classifier.weight"
WEIGHTS = [FIRST, SECOND, THIRD]
THIN = "\u202f"


def opened(qtbot, session: Session, path: Path) -> MainWindow:
    """A window with a checkpoint in it; `told` is what it has said since."""
    window = MainWindow(session)
    qtbot.addWidget(window, before_close_func=lambda _: session.forget_pruning())
    window.show()
    open_and_count(qtbot, session, path)
    window.told = []
    session.message.connect(lambda message: window.told.append(message.text))
    return window


def choose(qtbot, window: MainWindow, name: str, data: str) -> None:
    """Choose from a box with the keyboard."""
    box = window.findChild(QComboBox, name)
    box.setFocus()
    box.showPopup()
    box.view().setCurrentIndex(box.model().index(box.findData(data), 0))
    qtbot.keyClick(box.view(), Qt.Key.Key_Return)
    window.activateWindow()  # a screen that is not there leaves the closed list the active window


def type_into(qtbot, window: MainWindow, name: str, text: str) -> QLineEdit:
    """Type over what a field holds, and press Return."""
    line = window.findChild(QLineEdit, name)
    line.setFocus()
    line.selectAll()
    qtbot.keyClick(line, Qt.Key.Key_Delete)
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    return line


def give(qtbot, window: MainWindow, names: list[str], text: str) -> QLineEdit:
    """Give tensors an amount in the card."""
    window.session.select(names)
    return type_into(qtbot, window, "amount", text)


def prune(qtbot, window: MainWindow) -> None:
    before = window.session.pruning
    qtbot.mouseClick(window.tools.prune, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.pruning is not before and not window.session.work.busy, timeout=20_000)


def saved(qtbot, window: MainWindow, path: Path) -> dict[str, torch.Tensor]:
    with qtbot.waitSignal(window.session.saved, timeout=10_000):
        window.session.save(path, "permanent")
    return torch.load(path, weights_only=True)


def amount_cell(window: MainWindow, name: str, column: Column = Column.AMOUNT) -> str | None:
    return window.tree.model.index_of(name, column).data()


def text_of(window: MainWindow, name: str) -> str:
    return window.findChild(QLabel, name).text()


def fact_in(facts: FactsView, name: str) -> str:
    """The value shown for a fact; empty where there is no such fact."""
    tops = [facts.topLevelItem(row) for row in range(facts.topLevelItemCount())]
    return next((item.text(1) for item in tops if item.text(0) == name), "")


def click(qtbot, window: MainWindow, name: str) -> None:
    qtbot.mouseClick(window.findChild(QPushButton, name), Qt.MouseButton.LeftButton)
