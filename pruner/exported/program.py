"""A program's JSON, searched and not parsed: it is as long as the program, and little of it counts here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pruner.checkpoint import ModuleInfo
from pruner.exported.package import Package
from pruner.module_tree import modules_from_names

_MAX_PROGRAM = 1 << 25
"""Bytes of the longest program that is searched for the types of modules."""
# A quote inside a JSON string has a backslash before it: these are found without parsing what lies between.
_MODULE, _STACK, _BUFFER = (
    re.compile(rb'"%s"\s*:\s*"((?:[^"\\]|\\.)*)"' % key) for key in (b"fqn", b"nn_module_stack", b"buffer_name")
)


@dataclass(frozen=True)
class Program:
    """What a program's JSON tells: its modules in order, their types by name, and the names of its buffers."""

    modules: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    buffers: frozenset[str] = frozenset()

    def tree(self, names: Iterable[str]) -> tuple[ModuleInfo, ...]:
        """The modules, and those that the names of tensors imply."""
        implied = modules_from_names([*(f"{name}." for name in self.modules if name), *names])
        root = [ModuleInfo("", self.types[""])] if "" in self.types else []
        return (*root, *(ModuleInfo(one.name, self.types.get(one.name)) for one in implied))


def read_program(package: Package, name: str) -> Program:
    """The program of that name; nothing is told of one that is too long to be searched."""
    if package.entry(name).size > _MAX_PROGRAM:
        return Program()
    text = package.text(name, _MAX_PROGRAM)
    types: dict[str, str] = {}
    for stack in _texts(_STACK, text):
        for item in stack.split(";"):
            _, path, kind, *more = [*item.split(","), "", ""]
            if not any(more) and re.fullmatch(r"[\w.<>]+", kind):
                types.setdefault(re.sub(r"^L\['self'\]\.?", "", path), kind)
    return Program(tuple(_texts(_MODULE, text)), types, frozenset(_texts(_BUFFER, text)))


def _texts(pattern: re.Pattern[bytes], text: bytes) -> Iterator[str]:
    """The different JSON strings that a pattern finds, in order; what is no proper string is passed over."""
    for raw in dict.fromkeys(pattern.findall(text)):
        try:
            yield json.loads(b'"%s"' % raw) if b"\\" in raw else raw.decode()
        except ValueError:
            continue
