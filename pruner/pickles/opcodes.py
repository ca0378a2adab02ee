"""What the opcodes of pickles do, protocols 0 to 5, as CPython's `pickletools` describes them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pruner.pickles.machine import HANDLERS, U1, U2, U4, U8, Handler, Machine, UnpickleError
from pruner.pickles.values import Call, Global, Persistent

_KEY_PARTS = 64
_MOST_NUMBER = 1024
"""Bytes of the longest integer: Python shows none of more than 4,300 digits, and reads none from text either."""
_KEYS = (str, int, float, bytes, type(None), Global, Call, Persistent)
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")


def _on(*codes: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for code in codes:
            HANDLERS[ord(code)] = handler
        return handler

    return register


def _fixed(code: str, form: struct.Struct) -> None:
    _on(code)(lambda machine: machine.push(machine.number(form)))


def _sized(code: str, form: struct.Struct, decode: Callable[[bytes], Any]) -> None:
    _on(code)(lambda machine: machine.push(decode(machine.take(machine.number(form)))))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _latin(raw: bytes) -> str:
    return raw.decode("latin-1")


def _long(raw: bytes) -> int:
    if len(raw) > _MOST_NUMBER:
        raise UnpickleError(f"a number takes {len(raw)} bytes")
    return int.from_bytes(raw, "little", signed=True)


for _code, _form in (("J", _I4), ("M", U2), ("G", _F8)):
    _fixed(_code, _form)
for _code, _form, _decode in (
    ("\x8c", U1, _text),
    ("\x8d", U8, _text),
    ("T", _I4, _latin),
    ("U", U1, _latin),
    ("B", U4, bytes),
    ("C", U1, bytes),
    ("\x8e", U8, bytes),
    ("\x96", U8, bytearray),
    ("\x8a", U1, _long),
    ("\x8b", _I4, _long),
):
    _sized(_code, _form, _decode)


@_on("\x80")
def _proto(machine: Machine) -> None:
    if (version := machine.number(U1)) > 5:
        raise UnpickleError(f"pickle protocol {version} is not known")


@_on("\x95")
def _frame(machine: Machine) -> None:
    machine.number(U8)


@_on("0")
def _pop(machine: Machine) -> None:
    if machine.stack:
        machine.pop()
    else:
        machine.pop_mark()


@_on("1")
def _pop_mark(machine: Machine) -> None:
    machine.pop_mark()


@_on("2")
def _dup(machine: Machine) -> None:
    machine.push(machine.stack[-1])


# Text forms of protocol 0


@_on("I")
def _int(machine: Machine) -> None:
    text = machine.line()
    machine.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))


@_on("L")
def _long_text(machine: Machine) -> None:
    machine.push(int(machine.line().removesuffix(b"L")))


@_on("F")
def _float(machine: Machine) -> None:
    machine.push(float(machine.line()))


@_on("S")
def _string(machine: Machine) -> None:
    quoted = machine.line()
    if len(quoted) < 2 or quoted[:1] not in (b"'", b'"') or quoted[-1:] != quoted[:1]:
        raise UnpickleError(f"a string without quotes near byte {machine.position}")
    machine.push(quoted[1:-1].decode("unicode_escape"))


@_on("V")
def _unicode(machine: Machine) -> None:
    machine.push(machine.line().decode("raw-unicode-escape"))


# Containers


@_on("\x87")
def _tuple3(machine: Machine) -> None:
    last, middle, first = machine.pop(), machine.pop(), machine.pop()
    machine.push((first, middle, last))


_on("]")(lambda machine: machine.push([]))
_on("}")(lambda machine: machine.push({}))
_on("\x8f")(lambda machine: machine.push(set()))
_on("l")(lambda machine: machine.push(machine.pop_mark()))


@_on("d")
def _dict(machine: Machine) -> None:
    values = machine.pop_mark()
    made: dict[Any, Any] = {}
    _set_pairs(made, values)
    machine.push(made)


@_on("\x91")
def _frozenset(machine: Machine) -> None:
    machine.push(frozenset(_key(value) for value in machine.pop_mark()))


@_on("a")
def _append(machine: Machine) -> None:
    value = machine.pop()
    _extend(machine, [value])


@_on("e")
def _appends(machine: Machine) -> None:
    _extend(machine, machine.pop_mark())


@_on("\x90")
def _add_items(machine: Machine) -> None:
    values = machine.pop_mark()
    target = machine.stack[-1]
    if isinstance(target, set):
        target.update(_key(value) for value in values)
    else:
        _extend(machine, values)


@_on("s")
def _set_item(machine: Machine) -> None:
    value = machine.pop()
    key = machine.pop()
    _set_pairs(machine.stack[-1], [key, value])


@_on("u")
def _set_items(machine: Machine) -> None:
    values = machine.pop_mark()
    _set_pairs(machine.stack[-1], values)


def _extend(machine: Machine, values: list[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, (Call, list)):
        target.extend(values)
    else:
        raise UnpickleError(f"items are appended to what is no list, near byte {machine.position}")


def _set_pairs(target: Any, values: list[Any]) -> None:
    if isinstance(target, Call):
        if target.pairs is None:
            target.pairs = {}
        target = target.pairs
    if not isinstance(target, dict) or len(values) % 2:
        raise UnpickleError("a key is set on what is no dictionary")
    for key, value in zip(values[::2], values[1::2], strict=True):
        target[key if type(key) is str else _key(key)] = value


def _key(value: Any) -> Any:
    """A dictionary key, if hashing it is safe: Python hashes nested tuples without a limit to depth or work."""
    pending, parts = [value], 0
    while pending:
        part = pending.pop()
        parts += 1
        if isinstance(part, (tuple, frozenset)) and parts + len(part) <= _KEY_PARTS:
            pending.extend(part)
        elif not isinstance(part, _KEYS):
            raise UnpickleError(f"a {type(part).__name__} cannot be a key")
    return value


# Memo


@_on("p")
def _put(machine: Machine) -> None:
    machine.memo[int(machine.line())] = machine.stack[-1]


_on("g")(lambda machine: machine.push(machine.memo[int(machine.line())]))


# Classes, functions and calls: described, never followed


@_on("c")
def _global(machine: Machine) -> None:
    module = _text(machine.line())
    machine.push(machine.find_global(module, _text(machine.line())))


@_on("\x93")
def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise UnpickleError(f"a class without a name near byte {machine.position}")
    machine.push(machine.find_global(module, name))


def _extension(form: struct.Struct) -> Handler:
    return lambda machine: machine.push(machine.find_global("copyreg.extension", str(machine.number(form))))


_on("\x82")(_extension(U1))
_on("\x83")(_extension(U2))
_on("\x84")(_extension(_I4))


@_on("\x81")
def _newobj(machine: Machine) -> None:
    args = machine.pop()
    machine.call(machine.pop(), args, "newobj")


@_on("\x92")
def _newobj_ex(machine: Machine) -> None:
    kwargs, args = machine.pop(), machine.pop()
    machine.call(machine.pop(), args, "newobj_ex", kwargs)


@_on("i")
def _inst(machine: Machine) -> None:
    module = _text(machine.line())
    function = machine.find_global(module, _text(machine.line()))
    machine.call(function, tuple(machine.pop_mark()))


@_on("o")
def _obj(machine: Machine) -> None:
    function, *args = machine.pop_mark()
    machine.call(function, tuple(args))


@_on("b")
def _build(machine: Machine) -> None:
    state = machine.pop()
    target = machine.stack[-1]
    if not isinstance(target, Call):
        raise UnpickleError(f"a state is set on what is no object, near byte {machine.position}")
    target.build(state)
    if type(target.function) is Global:
        machine.called.add(target.function.path)


def _keep_outside(machine: Machine, key: Any) -> None:
    made = machine.outside(key)
    if type(made) is Persistent:
        machine.persistents.append(made)
    machine.push(made)


@_on("P")
def _persid(machine: Machine) -> None:
    _keep_outside(machine, _text(machine.line()))


@_on("Q")
def _binpersid(machine: Machine) -> None:
    _keep_outside(machine, machine.pop())
