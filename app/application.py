"""The application: one window over one session."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.dressing import dress
from app.garbage import GarbageCollector
from app.main_window import MainWindow
from app.session import Session, quicken_threads
from pruner.unfinished import tidy


def run(path: Path | None, root: str | None) -> int:
    """Show the window, with a checkpoint in it where one is given; returns when it is closed."""
    app = QApplication(sys.argv[:1])
    app.setOrganizationName("Secateur")
    app.setApplicationName("Secateur")
    app.setDesktopFileName("secateur")
    dress(app)
    quicken_threads()
    session = Session()
    collector = GarbageCollector(session)
    for large in (session.checkpoint_changed, session.devices.changed):
        large.connect(collector.spare)
    show_faults(session)
    window = MainWindow(session)
    window.show()
    threading.Thread(target=tidy, name="tidy", daemon=True).start()
    if path is not None:
        session.open(path.absolute(), root)
    QTimer.singleShot(0, session, session.load_torch)
    alive = QTimer()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    alive.timeout.connect(lambda: None)  # lets Python see Ctrl+C in the terminal
    alive.start(200)
    return app.exec()


def show_faults(session: Session) -> None:
    """Show what goes wrong in our own code as a fault of ours, with a traceback to copy, and go on."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(details)
        if threading.current_thread() is threading.main_thread():
            session.tell("bug", f"A fault in Secateur ({kind.__name__}: {error}).", details)

    sys.excepthook = show
