"""Memory after a walk through a large checkpoint: python -m tests.benchmarks.walk [LAYERS] [FOLDER]

Makes a Llama of 6.7 billion bfloat16 (32 LAYERS; 13.5 GB, which take next to no room on the disk) in FOLDER, or the
folder for temporary files, opens it in the window, offscreen, and selects every tensor in turn until its pictures and
figures are there. Prints the process's own memory and the part of it that is pages of the file, at the start, at the
peak and at the end, beside what the caches may hold. The file is removed.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from app.dressing import dress
from app.main_window import MainWindow
from app.session import Session, quicken_threads
from pruner.picture import CACHE
from tests.benchmarks.synthetic import llama_shapes, write_sparse
from tests.benchmarks.windows import wait_until

MIB = 1 << 20


def memory() -> tuple[int, int]:
    """Bytes of memory of the process's own, and of pages of files."""
    status = Path("/proc/self/status").read_text()
    own, file = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) for name in ("RssAnon", "RssFile"))  # type: ignore[index]
    return own << 10, file << 10


class Peak:
    """The most memory of the process's own since it was made."""

    def __init__(self) -> None:
        self.own = 0
        self._done = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.own = max(self.own, memory()[0])

    def stop(self) -> int:
        """The most that there was, in bytes."""
        self._done.set()
        return self.own


def walk(path: Path) -> None:
    """Select every tensor in turn, and print the memory."""
    session = Session()
    window = MainWindow(session)
    window.show()
    session.load_torch()
    session.open(path)
    wait_until(lambda: session.checkpoint is not None)
    session.view.drop("zeros")  # counting all zeros would be a second walk
    wait_until(lambda: not session.view._waiting)
    assert session.checkpoint is not None
    canvas, names = window.tensor.map.canvas, list(session.checkpoint.tensors)
    say("start")
    peak, begun = Peak(), time.monotonic()
    for place, name in enumerate(names):
        session.select([name])
        wait_until(
            lambda name=name: (  # type: ignore[misc]
                not session.view._waiting
                and canvas.picture is not None
                and canvas.picture.plane.info.name == name
                and canvas.picture.pyramid.read == 1
            )
        )
        if (place + 1) % max(1, len(names) // 8) == 0:
            say(f"{place + 1} of {len(names)} tensors")
    seconds = time.monotonic() - begun
    say("end")
    print(f"peak {peak.stop() / MIB:.0f} MiB of its own; {len(names)} tensors, ", end="")
    print(
        f"{path.stat().st_size / 1e9:.1f} GB, {seconds:.0f} s; caches may hold {CACHE.limit / MIB:.0f} MiB", flush=True
    )
    session.close()


def say(when: str) -> None:
    """Print the memory now."""
    own, file = memory()
    held = f"{CACHE.nbytes / MIB:.0f} MiB in the caches"
    print(f"{when:<22}{own / MIB:>8.0f} MiB of its own{file / MIB:>8.0f} MiB of files{'':4}{held}", flush=True)


def main(arguments: list[str]) -> None:
    """Make the file, walk, remove the file."""
    layers = int(arguments[0]) if arguments else 32
    with tempfile.TemporaryDirectory(dir=arguments[1] if arguments[1:] else None) as folder:
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        path = Path(folder) / "walk.safetensors"
        write_sparse(path, llama_shapes(layers))
        app = QApplication([])
        dress(app)
        quicken_threads()
        walk(path)


if __name__ == "__main__":
    main(sys.argv[1:])
