"""What the window's tests share."""

from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QSettings

from app.session import Session


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, qapp: QCoreApplication) -> None:
    """Keep settings in the test's own folder."""
    qapp.setOrganizationName("Secateur")
    qapp.setApplicationName("Secateur tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings"))


@pytest.fixture
def session(qtbot):
    """A session whose lanes are stopped at the end."""
    session = Session()
    yield session
    session.close()
