"""The map of large tensors: python -m tests.benchmarks.views [FOLDER]

Prints, beside what is aimed at: the frames while a mask of 10,000 x 50,000 is panned and zoomed offscreen, the seconds
and the memory of a pyramid of 100 million elements, and the time from selecting a tensor to its picture. Files of
2.4 GB are made in FOLDER, or the folder for temporary files, where they are not there yet. Each figure is taken in a
process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

WIDE, LARGE, SMALL = (10_000, 50_000), (10_000, 10_000), (1000, 1000)
FRAMES = 400
KEPT = 0.3


def make(path: Path) -> None:
    """A large and a small float32 tensor of normal numbers, and one whose numbers take no room on the disk."""
    tensors = {"large": LARGE, "small": SMALL, "wide": WIDE}
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape in (LARGE, SMALL):
            file.write(random.standard_normal(shape, dtype=np.float32).data)
        file.truncate(8 + len(text) + offset)


def mask_of(shape: tuple[int, int]) -> object:
    """A random mask."""
    from pruner import Mask

    rows = [np.packbits(np.random.default_rng(row).random((100, shape[1])) < KEPT) for row in range(shape[0] // 100)]
    return Mask(shape, np.concatenate(rows))


def resident() -> int:
    """Bytes of memory that the process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_while(work: Callable[[], object]) -> int:
    """The most bytes that the process had beyond those at the beginning."""
    begin, peak, done = resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.001):
            peak = max(peak, resident() - begin)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak


def pyramid(path: Path) -> None:
    """Seconds and memory of the pyramids of 100 million elements."""
    import torch  # noqa: F401 - what is imported once is no part of the work

    import pruner
    from pruner.pyramid import Plane, build
    from pruner.steps import finish

    checkpoint = pruner.open_checkpoint(path)
    finish(build(Plane.of(checkpoint, "small", None)))
    for what, mask in (("no mask", None), ("a random mask", mask_of(LARGE))):
        plane = Plane.of(checkpoint, "large", mask)  # type: ignore[arg-type]
        peak = peak_while(lambda plane=plane: finish(build(plane)))  # type: ignore[misc]
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            finish(build(plane))
            seconds.append(time.perf_counter() - begun)
        share = peak / plane.info.numel
        print(f"pyramid of 100 M, {what}: {np.median(seconds):.2f} s (best {min(seconds):.2f}; at most 0.6), ", end="")
        print(f"{share:.0%} of a byte an element beside it (at most 70 %)")


def frames(path: Path) -> None:
    """The times of frames while one pans and zooms."""
    from PySide6.QtCore import QEventLoop, QPointF, QTimer
    from PySide6.QtWidgets import QApplication

    import pruner
    from app.jobs import ViewLane
    from app.map_view import MapView
    from app.session import quicken_threads
    from pruner.picture import Picture
    from pruner.pyramid import Plane, build
    from pruner.steps import finish

    app = QApplication([])
    quicken_threads()
    plane = Plane.of(pruner.open_checkpoint(path), "wide", mask_of(WIDE))  # type: ignore[arg-type]
    lane = ViewLane()
    view = MapView(lane)
    view.resize(1000, 700)
    view.show()
    view.show_picture(Picture(plane, finish(build(plane))), keep_view=False)

    def wait(ms: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    for parts in (("mask",), ("before", "mask", "after")):
        for part, button in view.parts.buttons.items():
            if button.isChecked() != (part in parts):
                button.click()
        view.fit()
        wait(1500)
        canvas, times = view.canvas, []
        for frame in range(FRAMES):
            begun = time.perf_counter()
            if frame % 100 < 40:
                canvas.zoom(1.2 if frame // 100 % 2 == 0 else 1 / 1.2, QPointF(400, 350))
            else:
                canvas.pan(QPointF(-9, 5 if frame % 20 < 10 else -5))
            canvas.repaint()
            app.processEvents()
            times.append((time.perf_counter() - begun) * 1000)
            wait(8)
        median, late, longest = np.quantile(times, (0.5, 0.99, 1))
        print(
            f"frames of 10,000 x 50,000, {' + '.join(parts)}, 1000 x 700 pixels: median {median:.1f} ms (at most 8), "
        )
        print(f"    99th percentile {late:.1f} ms (at most 25), longest {longest:.1f} ms")
    lane.close()


def select(path: Path) -> None:
    """The time from selecting a tensor to something true, and to its whole picture."""
    from PySide6.QtCore import QElapsedTimer, QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from app.main_window import MainWindow
    from app.session import Session, quicken_threads
    from pruner.picture import CACHE

    QApplication([])
    quicken_threads()
    session = Session()
    window = MainWindow(session)
    window.show()
    session.load_torch()
    session.open(path)
    canvas, clock = window.tensor.map.canvas, QElapsedTimer()

    def wait(done: Callable[[], bool]) -> float:
        while not done():
            loop = QEventLoop()
            QTimer.singleShot(1, loop.quit)
            loop.exec()
        return clock.nsecsElapsed() / 1e6

    def rest(ms: int) -> None:
        until = clock.elapsed() + ms
        wait(lambda: clock.elapsed() > until)

    clock.start()
    wait(lambda: session.checkpoint is not None and len(session.zeros) == len(session.checkpoint.tensors))
    session.select(["small"])
    wait(lambda: canvas.tile is not None)
    rest(1500)
    for _ in range(3):
        for name, numel, most in (("large", 100_000_000, 1000), ("small", 1_000_000, 100)):
            CACHE.limit, old = 0, CACHE.limit
            CACHE.put(canvas.picture.plane, canvas.picture.pyramid)  # type: ignore[union-attr]
            CACHE.limit = old
            clock.restart()
            session.select([name])
            there = wait(lambda numel=numel: canvas.tile.layout.numel == numel)  # type: ignore[misc]
            whole = wait(lambda: canvas.picture.pyramid.read == 1 and canvas.tile.read == 1)  # type: ignore[union-attr]
            print(f"select {numel:,} elements: something true after {there:.0f} ms, ", end="")
            print(f"all after {whole:.0f} ms (at most {most})")
            rest(2500)
    session.close()


def main(folder: Path) -> None:
    """Make the file where it is not there, and take each figure."""
    path = folder / "secateur-views.safetensors"
    if not path.exists():
        make(path)
    for what in ("pyramid", "frames", "select"):
        subprocess.run([sys.executable, "-m", "tests.benchmarks.views", what, str(path)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ("pyramid", "frames", "select"):
        {"pyramid": pyramid, "frames": frames, "select": select}[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else Path(tempfile.gettempdir()))
