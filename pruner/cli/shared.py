"""What the verbs share: text that is safe to print, JSON, progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from pruner.printable import one_line, size
from pruner.progress import Progress

__all__ = ["end_progress", "one_line", "print_json", "size", "terminal_progress"]

_REPORT_SECONDS = 0.1


def print_json(document: Any) -> None:
    """One JSON document on stdout; numbers that JSON does not have are null."""
    text = json.dumps(_finite(document), ensure_ascii=False, indent=1, allow_nan=False)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return value


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Rows of a table: the first column begins at the left, the others end at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())


def terminal_progress() -> Progress | None:
    """Progress on stderr, ten times a second, where that is a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        return None
    begun = time.monotonic()
    last, before = 0.0, 0

    def report(done: int, total: int, what: str) -> None:
        nonlocal begun, last, before
        now = time.monotonic()
        if done < before:  # another work begins
            begun = now
        before = done
        if now - last >= _REPORT_SECONDS and total:
            last = now
            left = (now - begun) * (total - done) / done if done else 0.0
            sys.stderr.write(f"\r\x1b[K{100 * done // total:3d} %  {left:.0f} s left  {one_line(what)[:60]}")
            sys.stderr.flush()

    return report


def end_progress(progress: Progress | None) -> None:
    """Clear the progress's line."""
    if progress is not None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
