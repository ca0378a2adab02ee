"""The machine that pickles are written for, with a stack and a memo; it describes objects and makes none of them.

What each opcode does stands in `pruner.pickles.opcodes`, but for the commonest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pruner.pickles.danger import GlobalUse, judge
from pruner.pickles.values import Call, Global, How, Persistent

_MOST_STEPS = 40_000_000
U1, U2, U4, U8 = (struct.Struct(f"<{form}") for form in "BHIQ")
_BINPUT, _LONG_BINPUT, _MEMOIZE, _BINGET, _LONG_BINGET, _BININT1, _BINUNICODE = b"qr\x94hjKX"
_MARK, _TUPLE, _TUPLE1, _TUPLE2, _REDUCE, _STOP = b"(t\x85\x86R."
_CONSTANTS = dict(zip(b"N\x88\x89)", (None, True, False, ()), strict=True))


class UnpickleError(Exception):
    """The pickle breaks its own rules; the text says where."""


class PickleEndsEarly(UnpickleError):  # noqa: N818 - a case of the error above
    """The data end before the pickle does."""


class Machine:
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
        """Follow the opcodes to the end; gives the value that is left."""
        # The opcodes that fill torch's files are handled in the loop itself: calls would double its time.
        data, handlers, memo, below, called = self.data, HANDLERS, self.memo, self.below, self.called
        four, constants, stack, position = U4.unpack_from, _CONSTANTS, self.stack, self.position
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
        """The next bytes."""
        end = self.position + length
        if length < 0:
            raise UnpickleError(f"a negative length near byte {self.position}")
        if end > len(self.data):
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(self.data)}")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def number(self, form: struct.Struct) -> Any:
        """The next number, as `form` has it."""
        value = form.unpack_from(self.data, self.position)[0]
        self.position += form.size
        return value

    def line(self) -> bytes:
        """The bytes up to the next line break, which is passed over."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(self.data)}")
        chunk = self.data[self.position : end]
        self.position = end + 1
        return chunk

    # The stack

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the last value; raises `IndexError` where the last mark leaves none."""
        return self.stack.pop()

    def pop_mark(self) -> list[Any]:
        """Take all values above the last mark, and the mark."""
        values, self.stack = self.stack, self.below.pop()
        return values

    # Classes and functions

    def find_global(self, module: str, name: str) -> Global:
        """A class or function by its name; one object for all its uses."""
        return self.globals.setdefault((module, name), Global(module, name))

    def call(self, function: Any, args: Any, how: How = "reduce", kwargs: Any = None) -> None:
        """Put what calling `function` would have made on the stack, as its description."""
        if type(function) is Global:
            self.called.add(function.path)
        self.stack.append(Call(function, args, how, kwargs))

    def globals_used(self) -> tuple[GlobalUse, ...]:
        """All classes and functions that were named so far, judged."""
        return tuple(judge(one.module, one.name, one.path in self.called) for one in self.globals.values())


Handler = Callable[[Machine], None]
HANDLERS: list[Handler | None] = [None] * 256
"""What is done for each opcode that the machine's loop does not handle itself."""
