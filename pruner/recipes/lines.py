"""On which lines the keys and the items of a TOML document stand, which Python's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

Place = tuple[str | int, ...]
"""The keys and indices that lead to a value: `("round", 0, "amounts", "*.weight")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r'[ \t]*("(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)[ \t]*')
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}\n#]+")


def lines_of(text: str) -> Mapping[Place, int]:
    """The line, from 1 on, of every key, table and item of an array in a document that `tomllib` has read."""
    return _Walk(text).lines


def line_at(lines: Mapping[Place, int], place: Place) -> int | None:
    """The line of a place, or that of the nearest place around it; None where there is none."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


class _Walk:
    """Goes through a document from the first character to the last; it is known to be sound."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._tables: dict[Place, int] = {}
        self.lines: dict[Place, int] = {}
        table: Place = ()
        while self._next():
            table = self._header() if self._text[self._at] == "[" else self._pair(table)

    def _next(self, more: str = "") -> str:
        """The next character that says something, after those of `more`."""
        while True:
            self._match(_BLANK)
            char = self._text[self._at : self._at + 1]
            if not char or char not in more:
                return char
            self._at += 1

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        assert found is not None, "tomllib has read the document"
        self._at = found.end()
        return found

    def _note(self, place: Place, at: int) -> None:
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        self.lines.setdefault(place, self._line)

    def _keys(self) -> list[str]:
        """A key, dotted or not, and the sign after it."""
        keys = []
        while True:
            raw = self._match(_KEY)[1]
            keys.append(str(tomllib.loads(f"key = {raw}")["key"]) if raw[0] in "\"'" else raw)
            self._at += 1
            if self._text[self._at - 1] != ".":
                return keys

    def _header(self) -> Place:
        start = self._at
        several = self._text.startswith("[[", start)
        self._at += 2 if several else 1
        place = self._below((), keys := self._keys())
        if several:
            self._at += 1
            bare = (*self._below((), keys[:-1]), keys[-1])
            self._tables[bare] = self._tables.get(bare, -1) + 1
            place = (*bare, self._tables[bare])
            self._note(bare, start)
        self._note(place, start)
        return place

    def _below(self, table: Place, keys: list[str]) -> Place:
        """Where keys lead to; in an array of tables that is its last one."""
        place = table
        for key in keys:
            place = (*place, key)
            if place in self._tables:
                place = (*place, self._tables[place])
        return place

    def _pair(self, table: Place) -> Place:
        start, place = self._at, table
        for key in self._keys():
            place = (*place, key)
            self._note(place, start)
        self._value(place)
        return table

    def _value(self, place: Place) -> None:
        sign = self._next()
        if sign == "[":
            self._at += 1
            index = 0
            while self._next(",") != "]":
                self._note((*place, index), self._at)
                self._value((*place, index))
                index += 1
            self._at += 1
        elif sign == "{":
            self._at += 1
            while self._next(",") != "}":
                self._pair(place)
            self._at += 1
        else:
            self._match(_STRING if sign in "\"'" else _PLAIN)
