"""The way back: a pickle (protocol 2, torch's own) that describes the same objects.

What `pruner.pickles.unpickle` read comes out the same, and what it shared stays shared; nothing is imported or called
for it.
"""

from __future__ import annotations

import struct
from typing import Any

from pruner.errors import PrunerError
from pruner.pickles.values import Call, Global, Persistent

_BATCH = 1000


def write_pickle(value: Any) -> bytes:
    """The pickle of inert data as `pruner.pickles.values` has it."""
    return _Writer().pickle(value)


class _Writer:
    """Emits opcodes; what may be met again is remembered in the memo by its identity."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.memo: dict[int, int] = {}
        self.keep: list[Any] = []
        self.texts: dict[str, str] = {}

    def pickle(self, value: Any) -> bytes:
        self.out.append(b"\x80\x02")
        self.save(value)
        self.out.append(b".")
        return b"".join(self.out)

    def save(self, value: Any) -> None:
        if isinstance(value, str):
            value = self.texts.setdefault(value, value)
        place = self.memo.get(id(value))
        if place is not None:
            self.out.append(b"h" + bytes([place]) if place < 256 else b"j" + struct.pack("<I", place))
            return
        _SAVERS[type(value)](self, value)

    def remember(self, value: Any) -> None:
        place = len(self.memo)
        self.memo[id(value)] = place
        self.keep.append(value)
        self.out.append(b"q" + bytes([place]) if place < 256 else b"r" + struct.pack("<I", place))

    def save_constant(self, value: bool | None) -> None:
        self.out.append({None: b"N", True: b"\x88", False: b"\x89"}[value])

    def save_int(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self.out.append(b"K" + bytes([value]))
        elif 0 <= value < 1 << 16:
            self.out.append(b"M" + struct.pack("<H", value))
        elif -(1 << 31) <= value < 1 << 31:
            self.out.append(b"J" + struct.pack("<i", value))
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            length = b"\x8a" + bytes([len(raw)]) if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw))
            self.out.append(length + raw)

    def save_float(self, value: float) -> None:
        self.out.append(b"G" + struct.pack(">d", value))

    def save_text(self, value: str) -> None:
        raw = value.encode("utf-8", "surrogatepass")
        self.out.append(b"X" + struct.pack("<I", len(raw)) + raw)
        self.remember(value)

    def save_bytes(self, value: bytes) -> None:
        self.save_call_of("_codecs", "encode", (value.decode("latin-1"), "latin1"))
        self.remember(value)

    def save_bytearray(self, value: bytearray) -> None:
        self.save_call_of("__builtin__", "bytearray", (bytes(value),) if value else ())
        self.remember(value)

    def save_set(self, value: set[Any] | frozenset[Any]) -> None:
        self.save_call_of("__builtin__", type(value).__name__, (list(value),))
        self.remember(value)

    def save_call_of(self, module: str, name: str, args: tuple[Any, ...]) -> None:
        self.save_global(Global(module, name))
        self.save_tuple(args)
        self.out.append(b"R")

    def save_tuple(self, value: tuple[Any, ...]) -> None:
        if not value:
            self.out.append(b")")
            return
        if len(value) > 3:
            self.out.append(b"(")
        for part in value:
            self.save(part)
        self.out.append({1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(value), b"t"))
        self.remember(value)

    def save_list(self, value: list[Any]) -> None:
        self.out.append(b"]")
        self.remember(value)
        self.save_items(value)

    def save_items(self, items: list[Any]) -> None:
        for start in range(0, len(items), _BATCH):
            self.out.append(b"(")
            for item in items[start : start + _BATCH]:
                self.save(item)
            self.out.append(b"e")

    def save_dict(self, value: dict[Any, Any]) -> None:
        self.out.append(b"}")
        self.remember(value)
        self.save_pairs(value)

    def save_pairs(self, pairs: dict[Any, Any]) -> None:
        items = list(pairs.items())
        for start in range(0, len(items), _BATCH):
            self.out.append(b"(")
            for key, item in items[start : start + _BATCH]:
                self.save(key)
                self.save(item)
            self.out.append(b"u")

    def save_global(self, value: Global) -> None:
        if "\n" in value.path:  # the opcode ends each name with a line break: what follows one would be opcodes
            raise PrunerError(f"What stands beside the weights names a class with a line break in it: {value.path!r}.")
        place = self.memo.get(id(value))
        self.out.append(f"c{value.module}\n{value.name}\n".encode("utf-8", "surrogatepass"))
        if place is None:
            self.remember(value)

    def save_persistent(self, value: Persistent) -> None:
        self.save(value.id)
        self.out.append(b"Q")
        self.remember(value)

    def save_call(self, value: Call) -> None:
        self.save(value.function)
        self.save(value.args)
        if value.how == "newobj_ex":
            self.save(value.kwargs)
        self.out.append({"reduce": b"R", "newobj": b"\x81", "newobj_ex": b"\x92"}[value.how])
        self.remember(value)
        self.save_items(value.items or [])
        self.save_pairs(value.pairs or {})
        for state in value.states or ():
            self.save(state)
            self.out.append(b"b")


_SAVERS: dict[type, Any] = {
    type(None): _Writer.save_constant,
    bool: _Writer.save_constant,
    int: _Writer.save_int,
    float: _Writer.save_float,
    str: _Writer.save_text,
    bytes: _Writer.save_bytes,
    bytearray: _Writer.save_bytearray,
    set: _Writer.save_set,
    frozenset: _Writer.save_set,
    tuple: _Writer.save_tuple,
    list: _Writer.save_list,
    dict: _Writer.save_dict,
    Global: _Writer.save_global,
    Persistent: _Writer.save_persistent,
    Call: _Writer.save_call,
}
