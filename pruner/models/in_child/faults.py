"""An exception of a user's code, in a sentence and with its traceback."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any


class Refused(Exception):  # noqa: N818 - what is said to the user, without the name of a class
    """Something of the user's is not what is asked for; the text says what is."""


def told(error: BaseException, here: Path) -> dict[str, Any]:
    """The sentence and the traceback, as an answer; frames of files in `here` are left out of the place."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != here and not frame.filename.startswith("<")
    ]
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    place = "".join(f"{Path(frame.filename).name}, line {frame.lineno}: " for frame in (own or frames)[-1:])
    details = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"error": f"{place}{_sentence(error)}", "traceback": details}


def _sentence(error: BaseException) -> str:
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else error.code!r})"
    if _had_no_memory(error):
        return f"there was not enough memory ({type(error).__name__}: {_short(error)})"
    return f"{type(error).__name__}: {_short(error)}" if str(error) else type(error).__name__


def _had_no_memory(error: BaseException) -> bool:
    """torch's allocator for the CPU raises a plain RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(one in str(error) for one in ("allocate memory", "out of memory"))


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    return text if len(text) <= 500 else f"{text[:500]}…"
