"""How long the curve of a tensor takes, and the numbers when its threshold is dragged.

python -m tests.benchmarks.threshold [ELEMENTS …]

For each number of elements: the seconds of `curve_of` over float32 and bfloat16 in a file, the MB it adds at its peak,
and in the window the milliseconds from a move of the mouse until the numbers and both histograms are painted.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import torch
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from safetensors.torch import save_file

from app.dressing import dress
from app.main_window import MainWindow
from app.session import Session, quicken_threads
from pruner import Amount, open_checkpoint
from pruner.curves import curve_of
from pruner.elements import elements_of
from tests.snapshots.make import wait, wait_until

ELEMENTS = (1_000_000, 100_000_000)
MOVES = 300


def peak() -> float:
    """The most memory the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(path: Path, elements: int, dtype: torch.dtype) -> None:
    """A file of normal numbers in one tensor."""
    torch.manual_seed(0)
    values = torch.empty(elements, dtype=dtype)
    for part in values.split(1 << 20):
        part.copy_(torch.randn(len(part)) * 0.05)
    save_file({"weight": values.view(1000, -1)}, path)


def build(path: Path) -> None:
    """Print the seconds of three passes."""
    checkpoint = open_checkpoint(path)
    before, seconds = peak(), []
    for _ in range(3):
        begun = time.perf_counter()
        for _ in curve_of(elements_of(checkpoint, "weight")):
            pass
        seconds.append(time.perf_counter() - begun)
    info = checkpoint["weight"]
    print(
        f"build  {info.numel:>11,} {info.dtype:8}: {median(seconds):6.3f} s, {peak() - before:4.0f} MB more", flush=True
    )


def drag(app: QApplication, window: MainWindow, path: Path) -> None:
    """Print the milliseconds of moves over all of the histogram."""
    session, view = window.session, window.tensor.histogram
    session.open(path)
    wait_until(lambda: session.checkpoint is not None and session.checkpoint.path == path)
    wait_until(lambda: window.tensor.histogram._movable)
    session.set_amounts(["weight"], Amount(0.3))
    window.tensor.tabs.setCurrentIndex(1)
    wait(3000)  # the exact threshold, the figures
    start = view.place_of(view.threshold or 0.0)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    found = []
    for move in range(MOVES):
        place = QPoint(20 + move * (view.width() - 40) // MOVES, start.y())
        begun = time.perf_counter()
        QTest.mouseMove(view.viewport(), place)
        app.processEvents()
        found.append((time.perf_counter() - begun) * 1000)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    found.sort()
    assert session.checkpoint is not None
    many = f"median {median(found):.1f} ms, 95 % {found[-MOVES // 20]:.1f} ms, longest {found[-1]:.1f} ms"
    print(f"drag   {session.checkpoint['weight'].numel:>11,}: {many}", flush=True)


def main(counts: list[int]) -> None:
    """All of them, one after another."""
    app = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        dress(app)
        quicken_threads()
        window = MainWindow(Session())
        window.resize(1440, 900)
        window.show()
        for elements in counts:
            for dtype in (torch.bfloat16, torch.float32):
                path = Path(folder) / f"{elements}-{str(dtype)[6:]}.safetensors"
                write(path, elements, dtype)
                build(path)
            drag(app, window, path)
        window.session.close()


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or list(ELEMENTS))
