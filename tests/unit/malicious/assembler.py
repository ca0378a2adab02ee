"""A small assembler of pickles: each function gives the opcodes that push one value."""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

MARK, STOP, NONE, EMPTY, DICT, LIST = b"(", b".", b"N", b")", b"}", b"]"
REDUCE, NEWOBJ, BUILD, PERSISTENT, POP = b"R", b"\x81", b"b", b"Q", b"0"
PROTO = tuple(b"\x80" + bytes([version]) for version in range(6))


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def raw_bytes(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def number(value: int) -> bytes:
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode("utf-8", "surrogatepass")


def on_stack(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def several(*parts: bytes) -> bytes:
    return MARK + b"".join(parts) + b"t"


def call(function: bytes, *args: bytes) -> bytes:
    return function + several(*args) + REDUCE


def new(cls: bytes, *args: bytes) -> bytes:
    return cls + several(*args) + NEWOBJ


def mapping(**pairs: bytes) -> bytes:
    return DICT + MARK + b"".join(text(key) + value for key, value in pairs.items()) + b"u"


def listed(*parts: bytes) -> bytes:
    return LIST + MARK + b"".join(parts) + b"e"


ORDERED = call(named("collections", "OrderedDict"))
STORAGE = several(text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), number(6))
REBUILD = named("torch._utils", "_rebuild_tensor_v2")
WEIGHTS = struct.pack("<6f", -3.0, 1.0, 2.0, -0.5, 4.0, 0.25)
"""The numbers of the tensor that stands beside each payload."""


def tensor(
    storage: bytes = STORAGE,
    shape: bytes = several(number(2), number(3)),
    stride: bytes = several(number(3), number(1)),
    hooks: bytes = ORDERED,
) -> bytes:
    return call(REBUILD, storage + PERSISTENT, number(0), shape, stride, b"\x89", hooks)


def beside(payload: bytes, proto: bytes = PROTO[2]) -> bytes:
    """A state_dict that holds a real tensor and the payload."""
    return proto + mapping(payload=payload, weight=tensor()) + STOP


def alone(payload: bytes, proto: bytes = PROTO[2]) -> bytes:
    return proto + payload + STOP


def dumped(value: Any, protocol: int) -> bytes:
    """The opcodes of `pickle.dumps` that push the value, without frames, PROTO and STOP."""
    raw = pickle.dumps(value, protocol)
    raw = pickletools.optimize(raw) if protocol < 4 else raw
    if protocol >= 2:
        raw = raw[2:]
    if protocol >= 4 and raw[:1] == b"\x95":
        raw = raw[9:]
    return raw[:-1]


def doubled(first: bytes, levels: int, double: Callable[[bytes], bytes]) -> bytes:
    """A value in which each level holds the one below twice: 2 to the power of `levels` paths in a few bytes."""
    made = first
    for level in range(levels):
        made += b"r" + struct.pack("<I", level) + double(b"j" + struct.pack("<I", level))
    return made
