"""Trees of many tensors: python -m tests.benchmarks.trees [TENSORS] [FOLDER]

Opens a file of so many small tensors (100,000) in the window, offscreen, and prints for what a user does there the
milliseconds until it is painted, and the longest time in which the window did not answer meanwhile. What is typed into
the filter counts from the last key, with the pause that the filter waits for the next one. The file is made in FOLDER,
or the folder for temporary files, and removed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QSettings, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.dressing import dress
from app.main_window import MainWindow
from app.session import Session, quicken_threads
from pruner import Amount
from tests.benchmarks.synthetic import expert_shapes, write_sparse
from tests.benchmarks.windows import wait, wait_until
from tests.gui.gaps import Gaps

PATTERNS = ("zzz", "experts.42.gate", "layers.17.", "gate weight", "weight", "model")
FRAMES = 120
QUIET_MS = 60


class Paints(QObject):
    """Tells when a widget was painted last."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.last = 0.0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self, self._note)
        return False

    def _note(self) -> None:
        self.last = time.perf_counter()


class Bench:
    """A window with a large tree in it."""

    def __init__(self, path: Path) -> None:
        self.session = Session()
        self.window = MainWindow(self.session)
        self.window.show()
        self.session.load_torch()
        wait(3000)
        self.path, self.view, self.filter = path, self.window.tree.view, self.window.tree.filter
        self.paints, self.gaps = Paints(self.view.viewport()), Gaps()
        self.resets: list[float] = []
        self.window.tree.model.modelReset.connect(lambda: self.resets.append(time.perf_counter()))

    def run(self) -> None:
        """Print a line for each thing that a user does."""
        self.line("open, to the shown tree", lambda: self.session.open(self.path), self.is_reset)
        assert self.session.checkpoint is not None
        countable = len(self.session.checkpoint.tensors)
        self.line("counting its zeros", lambda: None, lambda: len(self.session.zeros) == countable)
        for pattern in PATTERNS:
            QTest.keyClicks(self.filter, pattern[:-1])
            wait(400)
            type_last = partial(QTest.keyClick, self.filter, pattern[-1])
            self.line(f"filter “{pattern}”, its last key", type_last, self.is_reset)
            print(f"{'':4}{self.window.tree.count.text()}")
            self.line("    clear the filter", lambda: self.filter.clear(), self.is_reset)
        self.line("as one list", self.window.tree.flat.click, self.is_reset)
        self.scroll("the list")
        self.line("as a tree again", self.window.tree.flat.click, self.is_reset)
        self.line("unfold all", self.view.expandAll)
        self.scroll("the unfolded tree")
        self.line("fold all", self.view.collapseAll)
        self.line("sort by elements", lambda: self.view.sortByColumn(2, Qt.SortOrder.DescendingOrder), self.is_reset)
        self.line("order of the file", lambda: self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder), self.is_reset)
        self.line("select all that take part by default", self.window.tree.select_candidates)
        names = list(self.session.selected)
        print(f"{'':4}{len(names)} selected")
        for share in (0.5, 0.6, 0.7):
            give = partial(self.session.set_amounts, names, Amount(share))
            self.line(f"plan {share:.0%} for all of them", give)
        self.line("plan a count for all of them", lambda: self.session.set_amounts(names, Amount(10)))
        self.line("plan an amount for one of them", lambda: self.session.set_amounts(names[:1], Amount(0.1)))
        self.line("select another", lambda: self.session.select(names[1:2]))
        self.line("plan an amount for it", lambda: self.session.set_amounts(names[1:2], Amount(0.1)))
        self.line("make the window smaller", lambda: self.window.resize(1100, 700))
        self.line("and larger", lambda: self.window.resize(1440, 900))
        self.line("show the whole model", lambda: self.window._docks.raise_panel("Whole model"))
        self.line("make the window smaller", lambda: self.window.resize(1100, 700))
        self.line("prune", self.session.prune, lambda: self.session.pruning is not None)
        self.line("undo", self.session.undo)
        self.session.close()

    def is_reset(self) -> bool:
        """Whether the rows were made anew since the line began."""
        return bool(self.resets)

    def line(self, what: str, act: Callable[[], object], done: Callable[[], bool] = lambda: True) -> None:
        """Do something, and print how long it took until it was painted, and the longest gap."""
        wait(QUIET_MS)
        self.resets.clear()
        self.gaps.start()
        begun = time.perf_counter()
        act()
        wait_until(done)
        reached = time.perf_counter()
        wait_until(lambda: time.perf_counter() - max(reached, self.paints.last) > 0.3)
        painted = max(reached if done() else 0, self.paints.last) - begun
        print(f"{what:<42}{1000 * painted:>8.0f} ms{self.gaps.stop():>8.0f} ms gap", flush=True)

    def scroll(self, what: str) -> None:
        """Print the times of frames while the wheel turns and while the bar is dragged."""
        bar, viewport = self.view.verticalScrollBar(), self.view.viewport()
        for how in ("wheel", "bar"):
            bar.setValue(0)
            times = []
            for frame in range(FRAMES):
                begun = time.perf_counter()
                if how == "wheel":
                    self._turn(viewport)
                else:
                    bar.setValue(bar.maximum() * frame // FRAMES)
                viewport.repaint()
                QApplication.processEvents()
                times.append(1000 * (time.perf_counter() - begun))
            median, late, longest = np.quantile(times, (0.5, 0.95, 1))
            print(f"    frames of {what}, by {how}: median {median:.1f}, 95 % {late:.1f}, longest {longest:.1f} ms")
        bar.setValue(0)

    def _turn(self, viewport: QWidget) -> None:
        place = QPointF(viewport.rect().center())
        where = QPointF(viewport.mapToGlobal(place.toPoint()))
        turn, none = QPoint(0, -120), Qt.KeyboardModifier.NoModifier
        no_button, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        QApplication.sendEvent(viewport, QWheelEvent(place, where, QPoint(), turn, no_button, none, phase, False))


def main(arguments: list[str]) -> None:
    """Make the file, take the figures, remove the file."""
    count = int(arguments[0]) if arguments else 100_000
    with tempfile.TemporaryDirectory(dir=arguments[1] if arguments[1:] else None) as folder:
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        path = Path(folder) / "trees.safetensors"
        write_sparse(path, expert_shapes(count))
        app = QApplication([])
        dress(app)
        quicken_threads()
        Bench(path).run()


if __name__ == "__main__":
    main(sys.argv[1:])
