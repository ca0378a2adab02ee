"""How long work tells how far it is, and how it is stopped."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""`progress(done, total, what)`: bytes done, bytes in all, and the tensor or file at hand.

It is called between chunks, on the thread that works. It may raise `Cancelled`: the work then stops
and leaves everything as it was.
"""


def silent(done: int, total: int, what: str) -> None:
    """The progress callback of those who do not listen."""


class Meter:
    """Adds up the bytes of a job whose total is known, and reports each step."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total = total
        self.done = 0
        self._progress = progress or silent

    def step(self, nbytes: int, what: str) -> None:
        """Count `nbytes` more as done; raises what the callback raises."""
        self.done += nbytes
        self._progress(min(self.done, self.total), self.total, what)


def within(progress: Progress | None, before: int, total: int) -> Progress | None:
    """The progress of one part of a longer work, before which so many bytes were done of so many in all."""
    if progress is None:
        return None
    return lambda done, _, what: progress(before + done, total, what)
