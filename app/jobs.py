"""Work off the GUI thread: one lane for open, prune and save, one for what the screen asks for.

Each lane is one long-lived thread, since a GPU wants one, and one QObject on the GUI thread. What a job gives back is
delivered there; a callback is a plain call on the GUI thread.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from pruner.errors import Cancelled, PrunerError
from pruner.progress import Progress

T = TypeVar("T")
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """Work for the worker thread.

    `title` says what it does (“Pruning 12 tensors”); `run` works and reports bytes to the callback it is given;
    `done` takes the result and `failed` the error's text, both on the GUI thread.
    """

    title: str
    run: Callable[[Progress], Any]
    done: Callable[[Any], None]
    failed: Callable[[Failure], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job did not end well: `text` for the user; `details` is a traceback where the fault is ours."""

    title: str
    text: str
    cancelled: bool = False
    details: str = ""


@dataclass(frozen=True, slots=True)
class JobState:
    """How far the job at hand is: bytes done and in all, the tensor or file at hand, seconds left where known."""

    title: str
    done: int = 0
    total: int = 0
    what: str = ""
    seconds_left: float | None = None


def share_cores(threads: int) -> None:
    """Let torch compute on this thread with so many threads of its own.

    Each thread that computes has a pool, whose members spin while they wait: pools that together are larger than the
    machine make one another many times slower.
    """
    import torch

    torch.set_num_threads(max(1, threads))


def failure_of(title: str, error: BaseException) -> Failure:
    """What to tell of an error: a user's fault in its own words, a fault of ours with its traceback."""
    if isinstance(error, Cancelled):
        return Failure(title, f"{title}: cancelled. Nothing has changed.", cancelled=True)
    if isinstance(error, PrunerError):
        return Failure(title, str(error))
    if isinstance(error, MemoryError):
        return Failure(title, f"{title}: there is not enough memory.")
    details = "".join(traceback.format_exception(error))
    return Failure(title, f"{title}: a fault in Secateur ({type(error).__name__}: {error}).", details=details)


class _Lane(QObject):
    """A daemon thread and the way back to the GUI thread."""

    _deliver = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._deliver.connect(self._run_delivered, Qt.ConnectionType.QueuedConnection)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        raise NotImplementedError

    def _run_delivered(self, call: Callable[[], None]) -> None:
        if not self._closing.is_set():
            call()

    def _send(self, call: Callable[[], None]) -> None:
        if not self._closing.is_set():
            self._deliver.emit(call)

    def _join(self) -> None:
        self._thread.join(timeout=10)


class WorkLane(_Lane):
    """Runs jobs one after another; the one at hand can be cancelled."""

    started = Signal(object)
    """A JobState: a job begins."""
    progressed = Signal(object)
    """A JobState, at most ten times a second."""
    ended = Signal(str, float)
    """The job's title and its seconds, however it ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._cancel = threading.Event()
        self._pending = 0
        super().__init__("secateur-work", parent)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._pending > 0

    def submit(self, job: Job) -> None:
        """Run the job after those that wait."""
        self._pending += 1
        self._queue.put(job)

    def cancel(self) -> None:
        """Stop the job at hand; it ends with `Cancelled` at its next report."""
        self._cancel.set()

    def close(self) -> None:
        """Stop the thread; nothing is delivered any more."""
        self._closing.set()
        self._cancel.set()
        self._queue.put(None)
        self._join()

    def _loop(self) -> None:
        while (job := self._queue.get()) is not None and not self._closing.is_set():
            self._cancel.clear()
            self._run_job(job)

    def _run_job(self, job: Job) -> None:
        begun = time.monotonic()
        self._send(lambda: self.started.emit(JobState(job.title)))
        try:
            result = job.run(self._reporter(job.title, begun))
        except BaseException as error:
            failure = failure_of(job.title, error)
            self._send(lambda: self._end(job, begun, lambda: job.failed(failure)))
        else:
            self._send(lambda: self._end(job, begun, lambda: job.done(result)))

    def _end(self, job: Job, begun: float, tell: Callable[[], None]) -> None:
        self._pending -= 1
        self.ended.emit(job.title, time.monotonic() - begun)
        tell()

    def _reporter(self, title: str, begun: float) -> Progress:
        last = 0.0

        def report(done: int, total: int, what: str) -> None:
            nonlocal last
            if self._cancel.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - last < REPORT_SECONDS:
                return
            last = now
            left = (now - begun) * (total - done) / done if done and now - begun > 1 else None
            state = JobState(title, done, total, what, left)
            self._send(lambda: self.progressed.emit(state))

        return report


Steps = Iterator[Any]


@dataclass(frozen=True, slots=True)
class _Request:
    steps: Steps
    show: Callable[[Any], None]
    failed: Callable[[Failure], None]


class ViewLane(_Lane):
    """Computes what the screen asks for, and drops what a newer request of the same slot has replaced.

    A request is an iterator: what it yields is shown on the GUI thread, and between two yields a request of a more
    urgent slot (a lower number) may go first. None is yielded to give way without showing anything.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        self._waiting: dict[tuple[int, str], _Request] = {}
        self._latest: dict[str, _Request] = {}
        self._changed = threading.Condition()
        super().__init__("secateur-view", parent)

    def request(
        self,
        slot: str,
        steps: Steps,
        show: Callable[[Any], None],
        failed: Callable[[Failure], None],
        urgency: int = 0,
    ) -> None:
        """Compute `steps` in place of what the slot computed before."""
        request = _Request(steps, show, failed)
        with self._changed:
            self._latest[slot] = request
            self._waiting[urgency, slot] = request
            self._changed.notify()

    def drop(self, slot: str) -> None:
        """Forget the slot's request; nothing of it is shown any more."""
        with self._changed:
            self._latest.pop(slot, None)
            for key in [key for key in self._waiting if key[1] == slot]:
                del self._waiting[key]

    def close(self) -> None:
        """Stop the thread; nothing is delivered any more."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._join()

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closing.is_set():
                    self._changed.wait()
                if self._closing.is_set():
                    return
                key = min(self._waiting)
                request = self._waiting[key]
            self._step(key, request)

    def _step(self, key: tuple[int, str], request: _Request) -> None:
        try:
            shown = next(request.steps)
        except StopIteration:
            self._finish(key, request)
        except BaseException as error:
            failure = failure_of("Showing the tensor", error)
            self._finish(key, request)
            self._send(lambda: self._show(key[1], request, lambda: request.failed(failure)))
        else:
            if shown is not None:
                self._send(lambda: self._show(key[1], request, lambda: request.show(shown)))

    def _finish(self, key: tuple[int, str], request: _Request) -> None:
        with self._changed:
            if self._waiting.get(key) is request:
                del self._waiting[key]

    def _show(self, slot: str, request: _Request, show: Callable[[], None]) -> None:
        """Runs on the GUI thread: what was replaced or dropped meanwhile is not shown."""
        if self._latest.get(slot) is request:
            show()
