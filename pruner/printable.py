"""Text from files, and sizes, as they can be printed."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Text from a file as one printable line: control characters are written as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def size(nbytes: int) -> str:
    """Bytes with a binary unit."""
    value = float(nbytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
