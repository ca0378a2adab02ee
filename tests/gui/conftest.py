"""What the window's tests share."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from torch import nn

from app.main_window import MainWindow
from app.session import Session
from tests.gui.acting import opened
from tests.gui.models import save_net


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, qapp: QCoreApplication) -> None:
    """Keep settings in the test's own folder."""
    qapp.setOrganizationName("Secateur")
    qapp.setApplicationName("Secateur tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))


@pytest.fixture(scope="package", autouse=True)
def no_collecting_on_workers() -> Iterator[None]:
    """Collect garbage on the GUI thread alone, as the application does; what was imported so far is none."""
    gc.disable()
    gc.freeze()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def collected(no_collecting_on_workers: None) -> Iterator[None]:
    """Leave no widget of the test before to the one after."""
    gc.collect()
    yield
    gc.collect()


@pytest.fixture
def session(qtbot):
    """A session whose lanes are stopped at the end; it goes with the test's windows, which its signals would keep."""
    session = Session()
    yield session
    session.close()
    session.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def net(tmp_path: Path) -> nn.Module:
    """A small net, in net.pt."""
    return save_net(tmp_path / "net.pt")


@pytest.fixture
def window(qtbot, session, net, tmp_path: Path) -> MainWindow:
    """A window with the net in it."""
    return opened(qtbot, session, tmp_path / "net.pt")
