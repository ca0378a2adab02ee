"""What is wrong with a recipe, and on which line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pruner.errors import PrunerError


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence about what is wrong, and the line that it is about; None where it is about no line."""

    text: str
    line: int | None = None

    def __str__(self) -> str:
        return self.text if self.line is None else f"line {self.line}: {self.text}"


class RecipeError(PrunerError):
    """All that is wrong with a recipe: `problems`, in the order of their lines."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: one.line or 0))
        parts = [str(one) for one in self.problems]
        rest = "".join(f" {part[0].upper()}{part[1:]}" for part in parts[1:])
        super().__init__(f"{name}{',' if self.problems[0].line else ':'} {parts[0]}{rest}")


def closest(word: str, words: Iterable[str]) -> str:
    """The end of a sentence that asks whether a similar word was meant; empty where there is none."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"; did you mean “{found[0]}”?" if found else ""
