"""Pictures of every view: python -m tests.snapshots.make --all FOLDER [CHECKPOINT …]

Views are found by what the window has: the tabs of the tensor, the docks by their titles, the entries of the whole
model's colours. Each checkpoint is shown in both themes, and the window in a small size and at three scales, which are
processes of their own. One of 6.7 billion bfloat16 is made for it, in a folder that goes when all is done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication, QComboBox, QDockWidget, QWidget

from app import style, theme
from app.main_window import MainWindow
from app.save_dialog import SaveDialog
from app.session import Session
from pruner import Amount
from resources import demo_model
from tests.benchmarks.synthetic import llama_shapes, write_sparse
from tests.benchmarks.windows import wait, wait_until

SCALES = (1.0, 1.5, 2.0)
SIZES = {"": (1440, 900), "-small": (1100, 700)}
_CALM_MS = 400
_MOST_PRUNED = 60_000_000
"""Elements of a tensor that is pruned for the pictures; a round over 7 billion would be all one waits for."""


def make_all(folder: Path, paths: list[Path]) -> None:
    """Make the pictures, each checkpoint and scale in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        large = Path(temporary) / "llama-7b.safetensors"
        write_sparse(large, llama_shapes())
        for path in (demo_model(), *paths, large):
            for scale in SCALES:
                environment = {**os.environ, "QT_SCALE_FACTOR": str(scale)}
                command = [sys.executable, "-m", "tests.snapshots.make", "--views", str(folder), str(path), str(scale)]
                subprocess.run(command, check=True, env=environment)


class Views:
    """A window that is photographed."""

    def __init__(self, folder: Path, path: Path, scale: float) -> None:
        self.folder, self.path, self.scale, self.theme = folder, path, scale, "light"
        self.session = Session()
        self.window = MainWindow(self.session)
        self.window.show()
        self.session.load_torch()

    def run(self) -> None:
        """Open, plan, prune and plan again; then every view in both themes."""
        if self.scale == 1 and self.path == demo_model():
            for name in self._themes():
                self.shoot(f"start-{name}")
        self.session.open(self.path)
        wait_until(lambda: self.session.checkpoint is not None)
        self._prune()
        for name in self._themes():
            if self.scale == 1:
                self._all_views(name)
            else:
                self.shoot(f"window-{name}")
        self.session.close()

    def shoot(self, name: str, widget: QWidget | None = None) -> None:
        """Photograph the window, or a widget, when nothing is computed any more but zeros that are counted."""
        wait(60)
        wait_until(
            lambda: all(slot == "zeros" for _, slot in self.session.view._waiting) and not self.session.work.busy
        )
        wait(_CALM_MS)
        scale = f"@{self.scale:g}" if self.scale != 1 else ""
        (widget or self.window).grab().save(str(self.folder / f"{self.path.stem}-{name}{scale}.png"))

    def _themes(self) -> Iterator[str]:
        """The themes, each chosen when it is come to."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        for name in ("light", "dark"):
            theme.choose(name)
            style.apply(app)
            yield name

    def _prune(self) -> None:
        session = self.session
        assert session.checkpoint is not None
        infos = session.checkpoint.tensors.values()
        fit = [info.name for info in infos if len(info.shape) > 1 and info.numel <= _MOST_PRUNED and info.prunable]
        names = fit[:12]
        session.set_amounts(names, Amount(0.5))
        session.prune()
        wait_until(lambda: session.pruning is not None and not session.work.busy)
        session.set_amounts(names[:4], Amount(0.3))
        session.select([max(names, key=lambda name: session.checkpoint[name].numel)])  # type: ignore[index]

    def _all_views(self, name: str) -> None:
        for size, (width, height) in SIZES.items():
            self.window.resize(width, height)
            tabs = self.window.tensor.tabs
            for place in range(tabs.count()):
                tabs.setCurrentIndex(place)
                self.shoot(f"{_word(tabs.tabText(place))}-{name}{size}")
            tabs.setCurrentIndex(0)
            for dock in self.window.findChildren(QDockWidget):
                if self.window.tabifiedDockWidgets(dock):
                    dock.raise_()
                    self.shoot(f"{_word(dock.windowTitle())}-{name}{size}")
        self.window.resize(*SIZES[""])
        self.window.actions_["reset_layout"].trigger()  # what the small window has squeezed stays squeezed
        self._map(name)
        self._whole_model(name)
        self._methods(name)
        self._save(name)

    def _map(self, name: str) -> None:
        view = self.window.tensor.map
        toggles = view.parts.buttons.values()
        before = [button.isChecked() for button in toggles]
        view.parts.buttons["difference"].click()
        self.shoot(f"map-difference-{name}")
        view.one_to_one()
        self.shoot(f"map-one-to-one-{name}")
        view.canvas.zoom(48, QPointF(120, 120))
        self.shoot(f"map-numbers-{name}")
        view.fit()
        for button, checked in zip(toggles, before, strict=True):
            if button.isChecked() != checked:
                button.click()

    def _whole_model(self, name: str) -> None:
        dock = self.window.findChild(QDockWidget, "dock_whole model")
        box = self.window.findChild(QComboBox, "colour_by")
        assert isinstance(dock, QDockWidget)
        assert isinstance(box, QComboBox)
        dock.raise_()
        for place in range(box.count()):
            box.setCurrentIndex(place)
            self.shoot(f"whole-{_word(box.itemText(place))}-{name}")
        box.setCurrentIndex(0)

    def _methods(self, name: str) -> None:
        for method, scope in (("n_m", "local"), ("l1_unstructured", "global")):
            self.session.choose_method(method)
            if scope == "global":
                self.session.choose_scope("global")
            self.shoot(f"method-{method}-{scope}-{name}")
        self.session.choose_scope("local")

    def _save(self, name: str) -> None:
        dialog = SaveDialog(self.session, self.window)
        dialog.path.setText(f"{self.path.stem}-pruned{self.path.suffix}")
        dialog.show()
        self.shoot(f"save-{name}", dialog)
        dialog.close()


def _word(title: str) -> str:
    return title.replace("&", "").strip(" •!").replace(" ", "-").lower()
