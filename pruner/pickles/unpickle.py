"""An unpickler that runs nothing: it reads a pickle's opcodes and describes what they would build.

The opcodes are those of CPython's `pickletools` (protocols 0 to 5). Work and memory are linear in the pickle's length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pruner.pickles.danger import GlobalUse, judge
from pruner.pickles.values import Call, Global, How, Persistent

_MOST_STEPS = 40_000_000
_KEY_PARTS = 64
_MOST_NUMBER = 1024
"""Bytes of the longest integer: Python shows none of more than 4,300 digits, and reads none from text either."""
_KEYS = (str, int, float, bytes, type(None), Global, Call, Persistent)


class UnpickleError(Exception):
    """The pickle breaks its own rules; the text says where."""


class PickleEndsEarly(UnpickleError):  # noqa: N818 - a case of the error above
    """The data end before the pickle does."""


@dataclass(frozen=True, eq=False, slots=True)
class Pickle:
    """What a pickle describes.

    `value` is inert data as `pruner.pickles.values` has it, `length` the pickle's bytes, `persistents` all ids of what
    is kept outside it, in order, and `globals` the classes and functions that it names.
    """

    value: Any
    length: int
    persistents: tuple[Persistent, ...]
    globals: tuple[GlobalUse, ...]


def read_pickle(data: bytes, start: int = 0, outside: Callable[[Any], Any] = Persistent) -> Pickle:
    """The pickle at byte `start` of `data`; what stands behind it is not looked at.

    `outside` gives what stands for a persistent id. Raises `UnpickleError` for anything that is not a whole and
    well-formed pickle.
    """
    machine = _Machine(data, start, outside)
    try:
        value = machine.run()
    except UnpickleError:
        raise
    except (IndexError, KeyError, ValueError, TypeError, struct.error, OverflowError) as error:
        if machine.position >= len(data) or isinstance(error, struct.error):
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(data)}") from error
        raise UnpickleError(f"the pickle is damaged near byte {machine.position}") from error
    return Pickle(value, machine.position - start, tuple(machine.persistents), machine.globals_used())


class _Machine:
    """The stack, the stacks below its marks, and the memo of the pickle machine."""

    def __init__(self, data: bytes, start: int, outside: Callable[[Any], Any]) -> None:
        self.data = data
        self.outside = outside
        self.position = start
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[tuple[str, str], Global] = {}
        self.called: set[str] = set()
        self.persistents: list[Persistent] = []

    def run(self) -> Any:
        # The opcodes that fill torch's files are handled in the loop itself: calls would double its time.
        data, handlers, memo, below, called = self.data, _HANDLERS, self.memo, self.below, self.called
        four, constants, stack, position = _U4.unpack_from, _CONSTANTS, self.stack, self.position
        try:
            for _ in range(_MOST_STEPS):
                code = data[position]
                position += 1
                if code == _LONG_BINPUT:
                    memo[four(data, position)[0]] = stack[-1]
                    position += 4
                elif code == _MEMOIZE:
                    memo[len(memo)] = stack[-1]
                elif code == _BINGET:
                    stack.append(memo[data[position]])
                    position += 1
                elif code == _BININT1:
                    stack.append(data[position])
                    position += 1
                elif code == _LONG_BINGET:
                    stack.append(memo[four(data, position)[0]])
                    position += 4
                elif code in constants:
                    stack.append(constants[code])
                elif code == _MARK:
                    below.append(stack)
                    stack = []
                elif code == _TUPLE2:
                    last = stack.pop()
                    stack[-1] = (stack[-1], last)
                elif code == _REDUCE:
                    args = stack.pop()
                    function = stack.pop()
                    if type(function) is Global:
                        called.add(function.path)
                    stack.append(Call(function, args))
                elif code == _TUPLE1:
                    stack[-1] = (stack[-1],)
                elif code == _TUPLE:
                    made = tuple(stack)
                    stack = below.pop()
                    stack.append(made)
                elif code == _BINUNICODE:
                    begin = position + 4
                    position = begin + four(data, position)[0]
                    if position > len(data):
                        raise PickleEndsEarly(f"the pickle ends early, at byte {len(data)}")
                    stack.append(str(data[begin:position], "utf-8", "surrogatepass"))
                elif code == _BINPUT:
                    memo[data[position]] = stack[-1]
                    position += 1
                else:
                    if code == _STOP:
                        return stack.pop()
                    handler = handlers[code]
                    if handler is None:
                        raise UnpickleError(f"unknown opcode {code:#04x} at byte {position - 1}")
                    self.position, self.stack = position, stack
                    handler(self)
                    position, stack = self.position, self.stack
            raise UnpickleError(f"the pickle takes more than {_MOST_STEPS:,} steps")
        finally:
            self.position = position

    # Reading the stream

    def take(self, length: int) -> bytes:
        end = self.position + length
        if length < 0:
            raise UnpickleError(f"a negative length near byte {self.position}")
        if end > len(self.data):
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(self.data)}")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def number(self, form: struct.Struct) -> Any:
        value = form.unpack_from(self.data, self.position)[0]
        self.position += form.size
        return value

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(self.data)}")
        chunk = self.data[self.position : end]
        self.position = end + 1
        return chunk

    # The stack

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        values, self.stack = self.stack, self.below.pop()
        return values

    # Classes and functions

    def find_global(self, module: str, name: str) -> Global:
        return self.globals.setdefault((module, name), Global(module, name))

    def call(self, function: Any, args: Any, how: How = "reduce", kwargs: Any = None) -> None:
        if type(function) is Global:
            self.called.add(function.path)
        self.stack.append(Call(function, args, how, kwargs))

    def globals_used(self) -> tuple[GlobalUse, ...]:
        return tuple(judge(one.module, one.name, one.path in self.called) for one in self.globals.values())


_Handler = Callable[[_Machine], None]
_HANDLERS: list[_Handler | None] = [None] * 256
_BINPUT, _LONG_BINPUT, _MEMOIZE, _BINGET, _LONG_BINGET, _BININT1, _BINUNICODE = b"qr\x94hjKX"
_MARK, _TUPLE, _TUPLE1, _TUPLE2, _REDUCE, _STOP = b"(t\x85\x86R."
_CONSTANTS = dict(zip(b"N\x88\x89)", (None, True, False, ()), strict=True))
_U1, _U2, _U4, _U8 = (struct.Struct(f"<{form}") for form in "BHIQ")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")


def _on(*codes: str) -> Callable[[_Handler], _Handler]:
    def register(handler: _Handler) -> _Handler:
        for code in codes:
            _HANDLERS[ord(code)] = handler
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


for _code, _form in (("J", _I4), ("M", _U2), ("G", _F8)):
    _fixed(_code, _form)
for _code, _form, _decode in (
    ("\x8c", _U1, _text),
    ("\x8d", _U8, _text),
    ("T", _I4, _latin),
    ("U", _U1, _latin),
    ("B", _U4, bytes),
    ("C", _U1, bytes),
    ("\x8e", _U8, bytes),
    ("\x96", _U8, bytearray),
    ("\x8a", _U1, _long),
    ("\x8b", _I4, _long),
):
    _sized(_code, _form, _decode)


@_on("\x80")
def _proto(machine: _Machine) -> None:
    if (version := machine.number(_U1)) > 5:
        raise UnpickleError(f"pickle protocol {version} is not known")


@_on("\x95")
def _frame(machine: _Machine) -> None:
    machine.number(_U8)


@_on("0")
def _pop(machine: _Machine) -> None:
    if machine.stack:
        machine.pop()
    else:
        machine.pop_mark()


@_on("1")
def _pop_mark(machine: _Machine) -> None:
    machine.pop_mark()


@_on("2")
def _dup(machine: _Machine) -> None:
    machine.push(machine.stack[-1])


# Text forms of protocol 0


@_on("I")
def _int(machine: _Machine) -> None:
    text = machine.line()
    machine.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))


@_on("L")
def _long_text(machine: _Machine) -> None:
    machine.push(int(machine.line().removesuffix(b"L")))


@_on("F")
def _float(machine: _Machine) -> None:
    machine.push(float(machine.line()))


@_on("S")
def _string(machine: _Machine) -> None:
    quoted = machine.line()
    if len(quoted) < 2 or quoted[:1] not in (b"'", b'"') or quoted[-1:] != quoted[:1]:
        raise UnpickleError(f"a string without quotes near byte {machine.position}")
    machine.push(quoted[1:-1].decode("unicode_escape"))


@_on("V")
def _unicode(machine: _Machine) -> None:
    machine.push(machine.line().decode("raw-unicode-escape"))


# Containers


@_on("\x87")
def _tuple3(machine: _Machine) -> None:
    last, middle, first = machine.pop(), machine.pop(), machine.pop()
    machine.push((first, middle, last))


_on("]")(lambda machine: machine.push([]))
_on("}")(lambda machine: machine.push({}))
_on("\x8f")(lambda machine: machine.push(set()))
_on("l")(lambda machine: machine.push(machine.pop_mark()))


@_on("d")
def _dict(machine: _Machine) -> None:
    values = machine.pop_mark()
    made: dict[Any, Any] = {}
    _set_pairs(made, values)
    machine.push(made)


@_on("\x91")
def _frozenset(machine: _Machine) -> None:
    machine.push(frozenset(_key(value) for value in machine.pop_mark()))


@_on("a")
def _append(machine: _Machine) -> None:
    value = machine.pop()
    _extend(machine, [value])


@_on("e")
def _appends(machine: _Machine) -> None:
    _extend(machine, machine.pop_mark())


@_on("\x90")
def _add_items(machine: _Machine) -> None:
    values = machine.pop_mark()
    target = machine.stack[-1]
    if isinstance(target, set):
        target.update(_key(value) for value in values)
    else:
        _extend(machine, values)


@_on("s")
def _set_item(machine: _Machine) -> None:
    value = machine.pop()
    key = machine.pop()
    _set_pairs(machine.stack[-1], [key, value])


@_on("u")
def _set_items(machine: _Machine) -> None:
    values = machine.pop_mark()
    _set_pairs(machine.stack[-1], values)


def _extend(machine: _Machine, values: list[Any]) -> None:
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
def _put(machine: _Machine) -> None:
    machine.memo[int(machine.line())] = machine.stack[-1]


_on("g")(lambda machine: machine.push(machine.memo[int(machine.line())]))


# Classes, functions and calls: described, never followed


@_on("c")
def _global(machine: _Machine) -> None:
    module = _text(machine.line())
    machine.push(machine.find_global(module, _text(machine.line())))


@_on("\x93")
def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise UnpickleError(f"a class without a name near byte {machine.position}")
    machine.push(machine.find_global(module, name))


def _extension(form: struct.Struct) -> _Handler:
    return lambda machine: machine.push(machine.find_global("copyreg.extension", str(machine.number(form))))


_on("\x82")(_extension(_U1))
_on("\x83")(_extension(_U2))
_on("\x84")(_extension(_I4))


@_on("\x81")
def _newobj(machine: _Machine) -> None:
    args = machine.pop()
    machine.call(machine.pop(), args, "newobj")


@_on("\x92")
def _newobj_ex(machine: _Machine) -> None:
    kwargs, args = machine.pop(), machine.pop()
    machine.call(machine.pop(), args, "newobj_ex", kwargs)


@_on("i")
def _inst(machine: _Machine) -> None:
    module = _text(machine.line())
    function = machine.find_global(module, _text(machine.line()))
    machine.call(function, tuple(machine.pop_mark()))


@_on("o")
def _obj(machine: _Machine) -> None:
    function, *args = machine.pop_mark()
    machine.call(function, tuple(args))


@_on("b")
def _build(machine: _Machine) -> None:
    state = machine.pop()
    target = machine.stack[-1]
    if not isinstance(target, Call):
        raise UnpickleError(f"a state is set on what is no object, near byte {machine.position}")
    target.build(state)
    if type(target.function) is Global:
        machine.called.add(target.function.path)


def _keep_outside(machine: _Machine, key: Any) -> None:
    made = machine.outside(key)
    if type(made) is Persistent:
        machine.persistents.append(made)
    machine.push(made)


@_on("P")
def _persid(machine: _Machine) -> None:
    _keep_outside(machine, _text(machine.line()))


@_on("Q")
def _binpersid(machine: _Machine) -> None:
    _keep_outside(machine, machine.pop())
