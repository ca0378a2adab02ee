"""Shares as a PNG with a palette (W3C, Portable Network Graphics, third edition)."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

from pruner.report.colours import mixed

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STEPS = 254
_NOTHING = 255
"""The place in the palette of what is not there, which is transparent."""


def png_of(kept: npt.NDArray[np.float32]) -> bytes:
    """Shares that are kept, in [0, 1], as pixels of (rows, columns); NaN is transparent."""
    rows, columns = kept.shape
    gone = 1 - np.nan_to_num(kept)
    places = np.rint(gone * _STEPS)
    # a block that has lost little, or kept little, never looks as one that has lost nothing, or all
    places = np.where((gone > 0) & (gone < 1), np.clip(places, 1, _STEPS - 1), places)
    pixels = np.where(np.isnan(kept), _NOTHING, places).astype(np.uint8)
    lines = np.hstack([np.zeros((rows, 1), np.uint8), pixels])
    palette = bytes(part for step in range(_STEPS + 1) for part in mixed(step / _STEPS)) + bytes(3)
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", b"\xff" * (_STEPS + 1) + b"\0"),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def data_link(image: bytes) -> str:
    """A PNG as an address that holds all of it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode('ascii')}"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
