"""What the window needs of the machine, and how to say in a line or two what is missing."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_PACKAGES = {
    "libEGL": "libegl1",
    "libGL.": "libgl1",
    "libOpenGL": "libopengl0",
    "libxkbcommon-x11": "libxkbcommon-x11-0",
    "libxkbcommon": "libxkbcommon0",
    "libfontconfig": "libfontconfig1",
    "libfreetype": "libfreetype6",
    "libdbus": "libdbus-1-3",
    "libglib": "libglib2.0-0",
    "libX11-xcb": "libx11-xcb1",
    "libxcb-cursor": "libxcb-cursor0",
    "libxcb-icccm": "libxcb-icccm4",
    "libxcb-image": "libxcb-image0",
    "libxcb-keysyms": "libxcb-keysyms1",
    "libxcb-randr": "libxcb-randr0",
    "libxcb-render-util": "libxcb-render-util0",
    "libxcb-shape": "libxcb-shape0",
    "libxcb-xinerama": "libxcb-xinerama0",
    "libxcb-xkb": "libxcb-xkb1",
}
_WITHOUT = "Without a window: secateur inspect FILE, secateur prune FILE -o OUT --amount '*.weight=30%'."


class CannotShow(Exception):  # noqa: N818 - says what is missing, and is no fault of the code
    """The window cannot be shown here; the text says why and what to do."""


def require_qt() -> None:
    """Import Qt, or raise `CannotShow` with the missing library and the package that brings it."""
    try:
        import PySide6.QtSvg
        import PySide6.QtWidgets  # noqa: F401
    except ModuleNotFoundError as error:
        raise CannotShow(
            f"The window needs PySide6 ({error.name} is missing): pip install PySide6-Essentials.\n{_WITHOUT}"
        ) from error
    except ImportError as error:
        raise CannotShow(_missing(str(error))) from error


def require_display() -> None:
    """Raise `CannotShow` where Qt would abort: no display, or a library of its X11 plugin is missing (Linux only)."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise CannotShow(f"There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set).\n{_WITHOUT}")
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    import PySide6

    plugin = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        raise CannotShow(_missing(str(error))) from error
    _require_connection(os.environ["DISPLAY"])


def _require_connection(display: str) -> None:
    """Qt aborts the process when the X server does not answer, so it is asked first."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise CannotShow(_missing(str(error))) from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if failed:
        raise CannotShow(f"The display “{display}” does not answer. Check DISPLAY, or log in with ssh -X.\n{_WITHOUT}")


def _missing(reason: str) -> str:
    library = reason.partition(":")[0].strip()
    package = next((package for start, package in _PACKAGES.items() if library.startswith(start)), None)
    how = f"On Debian and Ubuntu: sudo apt-get install {package}." if package else "Your system's packages have it."
    return f"Qt cannot start: the system library {library} is missing. {how}\n{_WITHOUT}"
