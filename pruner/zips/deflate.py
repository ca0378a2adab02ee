"""Deflate by several threads: blocks that are packed apart and join to one stream, as pigz joins them.

A block ends with an empty stored block (`Z_SYNC_FLUSH`), which brings it to a whole byte, and the last one ends the
stream; any inflater reads the blocks one after another (RFC 1951). Blocks know nothing of one another: among numbers
nothing is found in the 32 KB before that would be worth waiting for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zlib_ng import zlib_ng

from pruner.parallel import in_order

BLOCK = 1 << 20
"""Bytes that are packed at a time."""
LEVEL = 3
"""Of zlib-ng. Lower ones pack floats worse by a hundredth and more; higher ones win less than that and take longer."""
_GAIN = 0.98
"""A packed entry cannot be mapped into memory any more: for so little less it stays as it is."""


def deflated(parts: Iterable[memoryview | bytes], threads: int) -> Iterator[bytes]:
    """The raw deflate stream (without zlib's header) of what `parts` are joined together, in pieces.

    A part is good until the next one is asked for. A few blocks for each thread are held at a time.
    """
    return in_order(_packed, _with_last(_blocks(parts)), threads)


def gains(packed: float, size: float) -> bool:
    """Whether packing `size` bytes into `packed` is worth it."""
    return packed < size * _GAIN


def packed_size(block: bytes | memoryview) -> int:
    """Bytes that a block takes when it is packed by itself."""
    return len(_packed((block, False)))


def _packed(block: tuple[bytes | memoryview, bool]) -> bytes:
    data, last = block
    stream = zlib_ng.compressobj(LEVEL, zlib_ng.DEFLATED, -zlib_ng.MAX_WBITS)
    begun = bytes(stream.compress(data))
    return begun + bytes(stream.flush(zlib_ng.Z_FINISH if last else zlib_ng.Z_SYNC_FLUSH))


def _blocks(parts: Iterable[memoryview | bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, the last one shorter, or empty where there are none."""
    waiting = bytearray()
    for part in parts:
        view = memoryview(part)
        while len(waiting) + len(view) > BLOCK:
            taken = BLOCK - len(waiting)
            yield bytes(waiting + view[:taken])
            waiting.clear()
            view = view[taken:]
        waiting += view
    yield bytes(waiting)


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Blocks, and whether each is the last one."""
    held = next(blocks)
    for block in blocks:
        yield held, False
        held = block
    yield held, True
