"""A process for a user's own Python: it can be stopped, and what becomes of it is a message here."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pruner.errors import PrunerError
from pruner.models.in_child.serving import MARK
from pruner.progress import Progress, silent

_SCRIPT = Path(__file__).with_name("in_child") / "start.py"
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 1.0
_MOST_WAITING = 1000
"""Lines that wait here to be told; a process that prints more has to wait."""
_LONGEST = 10_000
"""Characters of a line that are kept."""
_TAIL = 10_000
"""Characters of what a process printed that are kept."""

Printed = Callable[[str], None]
"""Told each line that a user's code prints, on the thread that waits for an answer."""


class ModelError(PrunerError):
    """A user's Python failed; `details` is its traceback, and what it printed last."""

    def __init__(self, text: str, details: str = "") -> None:
        super().__init__(text)
        self.details = details


class Child:
    """A process that answers requests, one at a time, until `close`, which ends it and all that it started.

    `python` is an interpreter (this one where it is None). `printed` is told each line that it prints. Raises
    `ModelError` where it cannot be started.
    """

    def __init__(self, python: str | None = None, printed: Printed | None = None) -> None:
        command = [python or sys.executable, str(_SCRIPT)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user asks for it, by name
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace"},
            )
        except OSError as error:
            raise ModelError(f"{command[0]}: this interpreter cannot be started ({error.strerror}).") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._requests = self._process.stdin
        self._heard: queue.Queue[tuple[str, str]] = queue.Queue(_MOST_WAITING)
        self._readers = [
            _reading(self._process.stdout, "answer", self._heard),
            _reading(self._process.stderr, "printed", self._heard),
        ]
        self._printed = printed
        self._tail = ""
        self._busy = self._ended = False

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    @property
    def tail(self) -> str:
        """What it printed since the last request, as far as it is kept."""
        return self._tail.strip()

    def send(self, do: str, **request: Any) -> None:
        """Send a request without waiting; `wait` has to follow before the next."""
        self._busy, self._tail = True, ""
        with contextlib.suppress(OSError, ValueError):  # it has ended: `wait` tells how
            self._requests.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._requests.flush()

    def ask(self, what: str, failed: str, progress: Progress | None, do: str, **request: Any) -> Any:
        """Send a request and wait for its answer; see `wait`."""
        self.send(do, **request)
        return self.wait(what, failed, progress)

    def wait(self, what: str, failed: str, progress: Progress | None = None) -> Any:
        """The answer to what was sent. `progress` is called twenty times a second with `what`.

        `failed` begins the message where the request fails. What `progress` raises, and an interrupt, end the process
        and all that it started. Raises `ModelError` where the request fails or the process ends.
        """
        try:
            answer = self._answer(what, failed, progress or silent)
        except BaseException as error:
            if not isinstance(error, ModelError) or not self._running():
                self._end()
            raise
        finally:
            self._busy = False
        return answer

    def close(self) -> None:
        """End the process: one that is idle gets a moment to end by itself."""
        if self.alive and not self._busy:
            with contextlib.suppress(OSError):
                self._requests.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        self._end()

    def _running(self) -> bool:
        return self._process.poll() is None

    def _answer(self, what: str, failed: str, report: Progress) -> Any:
        done, total, marked, answer = 0, 0, False, None
        begun = told = time.monotonic()
        while answer is None or not marked:
            line, said = self._next()
            if said is not None and "done" in said:
                done, total = said["done"], said["total"]
            elif said is not None:
                answer, begun = said, time.monotonic()
            elif line == MARK:
                marked = True
            elif line:
                self._tell(line)
            elif answer is not None and (not self._running() or time.monotonic() - begun > _GRACE_SECONDS):
                break  # it cannot print any more: a user's code has closed what it prints to
            elif answer is None and not self._running() and self._silent():
                ended = _how_it_ended(self._process.returncode)
                raise ModelError(f"{failed}: {ended}.", self.tail)
            if time.monotonic() - told >= _POLL_SECONDS:
                told = time.monotonic()
                report(done, total, what)
        if "error" in answer:
            raise ModelError(f"{failed}: {answer['error']}.", f"{answer['traceback']}\n{self.tail}".strip())
        return answer["answer"]

    def _next(self) -> tuple[str, dict[str, Any] | None]:
        """A line that was printed, or an answer; neither where nothing comes for a moment."""
        try:
            kind, line = self._heard.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return "", None
        if kind == "answer" and line.startswith("{"):
            with contextlib.suppress(ValueError):
                return "", json.loads(line)
        return line, None  # what Python itself prints while it starts comes as an answer

    def _silent(self) -> bool:
        """Whether nothing is on its way any more; what it started may still hold the pipes of a process that ended."""
        self._kill_all()
        for one in self._readers:
            one.join(_POLL_SECONDS)
        return self._heard.empty()

    def _tell(self, line: str) -> None:
        self._tail = f"{self._tail}{line}\n"[-_TAIL:]
        if self._printed is not None:
            self._printed(line)

    def _end(self) -> None:
        if self._ended:
            return  # its number may be another process's by now
        self._ended = True
        self._kill_all()
        with contextlib.suppress(OSError):
            self._requests.close()
        self._process.wait()
        while any(one.is_alive() for one in self._readers):
            try:
                self._heard.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                break  # something left the process's group with the pipes in hand

    def _kill_all(self) -> None:
        """Kill the process, and what it started and left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()


def _reading(stream: IO[bytes], kind: str, heard: queue.Queue[tuple[str, str]]) -> threading.Thread:
    """A thread that hands on a stream's lines as long as there are any; “\r” ends one, too, as in progress bars."""

    def read() -> None:
        with stream:
            rest = b""
            while part := os.read(stream.fileno(), 1 << 16):
                *lines, rest = (rest + part).replace(b"\r", b"\n").split(b"\n")
                if kind == "printed" and len(rest) > _LONGEST:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    if line:
                        heard.put((kind, line.decode("utf-8", "replace")))
            if rest:
                heard.put((kind, rest.decode("utf-8", "replace")))

    thread = threading.Thread(target=read, daemon=True, name=f"child {kind}")
    thread.start()
    return thread


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"its process left with status {status}"
    with contextlib.suppress(ValueError):
        if (name := signal.Signals(-status).name) == "SIGKILL":
            return "its process was killed (by the system, as a rule for want of memory)"
        return f"its process crashed ({name})"
    return f"its process was ended by signal {-status}"
