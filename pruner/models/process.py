"""A process for a user's own Python: it can be stopped, and what becomes of it is a message here."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pruner.errors import PrunerError
from pruner.progress import Progress, silent

_SCRIPT = Path(__file__).with_name("in_child.py")
_POLL_SECONDS = 0.05
_TAIL = 2000
"""Characters of what a process printed that are kept for a message."""


class ModelError(PrunerError):
    """A user's Python failed; `details` is its traceback, or what it printed last."""

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text)
        self.details = details


def run_child(
    arguments: Sequence[str], what: str, *, python: str | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the child with arguments and give the JSON that it wrote.

    `what` names the model in messages, `python` is an interpreter (this one where it is None). `progress` is called
    twenty times a second and may raise, which ends the process and all that it started. Raises `ModelError` where the
    process fails, ends without an answer, or cannot be started.
    """
    report = progress or silent
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as printed:
        answer = Path(folder) / "answer.json"
        command = [python or sys.executable, str(_SCRIPT), *arguments, str(answer)]
        try:
            process = subprocess.Popen(  # noqa: S603 - the user asks for it, by name
                command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, start_new_session=True
            )
        except OSError as error:
            raise ModelError(f"{command[0]}: this interpreter cannot be started ({error.strerror}).") from error
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(_POLL_SECONDS)
                    break
                report(0, 0, what)
        finally:
            _end(process)
        printed.seek(0)
        said = printed.read().decode("utf-8", "replace")[-_TAIL:]
        return _answer(answer, what, status, said)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and what it started and left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _answer(file: Path, what: str, status: int, said: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{what}: {_how_it_ended(status)} before the model was built.", said) from error
    if "error" in answer:
        raise ModelError(f"{what} cannot be built: {answer['error']}.", f"{answer['traceback']}\n{said}".strip())
    return answer


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"its process left with status {status}"
    with contextlib.suppress(ValueError):
        if (name := signal.Signals(-status).name) == "SIGKILL":
            return "its process was killed (by the system, as a rule for want of memory)"
        return f"its process crashed ({name})"
    return f"its process was ended by signal {-status}"
