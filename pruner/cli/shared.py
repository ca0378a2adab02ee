"""What the verbs share: text that is safe to print, JSON, progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from pruner.progress import Progress

_REPORT_SECONDS = 0.1


def one_line(text: str) -> str:
    """Text from a file as one printable line: control characters are written as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


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


def size(nbytes: int) -> str:
    """Bytes with a binary unit."""
    value = float(nbytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def terminal_progress() -> Progress | None:
    """Progress on stderr, ten times a second, where that is a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        return None
    begun = time.monotonic()
    last = 0.0

    def report(done: int, total: int, what: str) -> None:
        nonlocal last
        now = time.monotonic()
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
