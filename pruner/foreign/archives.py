"""Zip and tar archives that are no checkpoint: what is inside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pruner.errors import PrunerError
from pruner.zips.directory import read_entries

OPENED = (".safetensors", ".pt", ".pth", ".ckpt", ".pt2", ".npz", ".npy")
"""Endings that say by themselves that Secateur may open the file."""
_SOURCE = "Prune the checkpoint that it was made from."
_NO_WEIGHTS = "Open the file with the weights instead."
_ZIPS: tuple[tuple[str, str], ...] = (
    ("model.weights.h5", "a Keras model (.keras). Save its arrays as safetensors or .npz first."),
    ("com.apple.CoreML/model.mlmodel", f"a Core ML package. {_SOURCE}"),
    ("saved_model.pb", "a TensorFlow SavedModel in a zip archive. Save its arrays as safetensors or .npz first."),
    ("[Content_Types].xml", f"an Office document. {_NO_WEIGHTS}"),
    ("AndroidManifest.xml", f"an Android app. {_NO_WEIGHTS}"),
    ("META-INF/MANIFEST.MF", f"a Java archive. {_NO_WEIGHTS}"),
    ("WHEEL", f"a Python wheel. {_NO_WEIGHTS}"),
)
_BLOCK = 512
_MOST_MEMBERS = 256


def describe_zip(path: Path, start: bytes) -> str | None:
    """What a zip archive is (by what PKWARE's APPNOTE puts first: an entry, or the end of an empty archive)."""
    if not start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return None
    try:
        names = [name for name in read_entries(path) if not name.startswith("__MACOSX/")]
    except PrunerError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            return "this is a zip archive with names that are no UTF-8. Unpack it and open the file inside."
        return quotable(str(error).removeprefix(f"{path}: "), 300)
    for marker, what in _ZIPS:
        if any(f"/{name}".endswith(f"/{marker}") for name in names):
            return f"this is {what}"
    if inside := _openable(names):
        return f"this is a zip archive. Unpack it and open {inside} inside."
    if any(f"/{name}".endswith("/data.pkl") for name in names):
        return "this looks like a PyTorch archive that was unpacked and packed again. Fetch it as it was saved."
    return f"this is a zip archive without a checkpoint in it ({listed(names) or 'it is empty'}). {_NO_WEIGHTS}"


def describe_tar(file: BinaryIO, start: bytes) -> str | None:
    """What a tar archive is, recognised by the checksum of its first header."""
    if not _is_header(start[:_BLOCK]):
        return None
    names = list(_tar_names(file))
    if inside := _openable(names):
        return f"this is a tar archive. Unpack it and open {inside} inside."
    return f"this is a tar archive of something else ({listed(names)}). Unpack it and open the file inside."


def listed(names: Iterable[str], most: int = 3) -> str:
    """The first few names in quotes; names from files are shortened, and what cannot be shown is replaced."""
    names = list(names)
    shown = ", ".join(f"“{quotable(name)}”" for name in names[:most])
    return f"{shown}, …" if len(names) > most else shown


def quotable(text: str, most: int = 60) -> str:
    """A text from a file as it can be quoted in a message."""
    shown = "".join(char if char.isprintable() else "�" for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _openable(names: Iterable[str]) -> str:
    found = [name for name in names if name.lower().endswith(OPENED) or _is_torch_bin(name)]
    return f"one of {listed(found)}" if len(found) > 1 else listed(found)


def _is_torch_bin(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(("pytorch_model", "adapter_model", "diffusion_pytorch_model")) and last.endswith(".bin")


def _tar_names(file: BinaryIO) -> Iterator[str]:
    """The names of the first members, by their headers (POSIX.1-2017, pax: “ustar Interchange Format”)."""
    position, end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MOST_MEMBERS):
        if position >= end:
            return
        file.seek(position)
        header = file.read(_BLOCK)
        size = _number(header[124:136])
        if not _is_header(header) or size is None:
            return
        if header[156:157] in (b"\0", b"0", b"7"):  # a file; others are links, folders and names
            prefix = header[345:500] if header[257:263] == b"ustar\0" else b""
            parts = (part.partition(b"\0")[0].decode("utf-8", "replace") for part in (prefix, header[:100]))
            yield "/".join(filter(None, parts))
        position += _BLOCK + -(-size // _BLOCK) * _BLOCK


def _is_header(block: bytes) -> bool:
    stated = _number(block[148:156])
    return len(block) == _BLOCK and bool(stated) and sum(block) - sum(block[148:156]) + 8 * 32 == stated


def _number(field: bytes) -> int | None:
    """Octal digits or, as GNU tar writes large sizes, base 256 behind a byte 0x80."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else None
