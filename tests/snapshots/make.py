"""Makes README's pictures from the real application: python -m tests.snapshots.make [CHECKPOINT]

Without CHECKPOINT the pictures are of the bundled model; with one, of that file, under its name.
With --all FOLDER [CHECKPOINT …] they are of every view, for looking at: see `views`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QSettings, QTimer
from PySide6.QtWidgets import QApplication, QDockWidget

from app import style, theme
from app.dressing import dress
from app.main_window import MainWindow
from app.save_dialog import SaveDialog
from app.session import Session, quicken_threads
from pruner import Amount
from resources import demo_model
from tests.snapshots.views import Views, make_all

FOLDER = Path(__file__).parent
CALM_MS = 1500


def wait(ms: int) -> None:
    """Run the window for a while; an event loop lets the other threads work, as QTest.qWait does not."""
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()


def wait_until(condition: Callable[[], bool]) -> None:
    """Run the window until a condition holds, and a little longer."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there in a minute")
        wait(20)
    wait(CALM_MS)


def main(arguments: list[str]) -> None:
    """Make the pictures that the arguments ask for."""
    if arguments[:1] == ["--all"]:
        make_all(Path(arguments[1]).absolute(), [Path(one).absolute() for one in arguments[2:]])
        return
    app = make_application()
    if arguments[:1] == ["--views"]:
        Views(Path(arguments[1]), Path(arguments[2]), float(arguments[3])).run()
    else:
        make_readme(app, Path(arguments[0]).absolute() if arguments else demo_model(), starts=not arguments)


def make_application() -> QApplication:
    """The application, dressed, with settings of its own."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(FOLDER / ".settings"))
    app = QApplication([])
    app.setOrganizationName("Secateur")
    app.setApplicationName("Snapshots")
    QSettings().clear()  # what earlier runs opened is no part of the pictures
    dress(app)
    quicken_threads()
    return app


def make_readme(app: QApplication, path: Path, starts: bool) -> None:
    """Open, plan, prune, plan again, look at each tab in both themes, and at the dialog that saves.

    `starts` says whether the empty window is shown, too.
    """
    session = Session()
    window = MainWindow(session)
    window.show()

    def shoot(name: str) -> None:
        window.grab().save(str(FOLDER / f"{path.stem}-{name}.png"))

    if starts:
        wait_until(lambda: True)
        shoot("start")
    session.open(path)
    wait_until(lambda: bool(session.zeros))
    assert session.checkpoint is not None
    weights = [name for name, info in session.checkpoint.tensors.items() if len(info.shape) > 1]
    session.set_amounts(weights, Amount(0.3))
    session.select([weights[1]])
    session.prune()
    wait_until(lambda: session.pruning is not None)
    session.set_amounts(weights[:3], Amount(0.5))
    session.set_amounts([name for name in weights if session.left(name) > 100][-1:], Amount(100))
    session.select([weights[1]])
    wait_until(lambda: True)
    for name in ("light", "dark"):
        theme.choose(name)
        style.apply(app)
        tabs = window.tensor.tabs
        for place in range(tabs.count() if name == "light" else 1):
            tabs.setCurrentIndex(place)
            wait_until(lambda: True)
            shoot(f"{tabs.tabText(place).lower()}-{name}")
        window.tensor.tabs.setCurrentIndex(0)
    theme.choose("light")
    style.apply(app)
    dock = window.findChild(QDockWidget, "dock_whole model")
    dock.raise_()
    wait_until(lambda: True)
    shoot("whole-light")
    session.choose_method("n_m")
    wait_until(lambda: True)
    shoot("method-light")
    session.choose_method("l1_unstructured")
    window.actions_["show_file"].trigger()
    wait_until(lambda: True)
    shoot("file-light")
    dialog = SaveDialog(session, window)
    dialog.path.setText(f"{path.stem}-pruned{path.suffix}")
    dialog.show()
    wait_until(lambda: True)
    dialog.grab().save(str(FOLDER / f"{path.stem}-save.png"))
    dialog.close()
    session.close()


if __name__ == "__main__":
    main(sys.argv[1:])
