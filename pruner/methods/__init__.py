"""Pruning methods, one file each: a class in a file here that is its `METHOD` is known by its name everywhere.

A method is a frozen dataclass; its fields are its options. It either ranks units (elements or channels), of which the
amount says how many are pruned, or it makes masks by a rule of its own and takes no amount.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pruner.elements import Elements
from pruner.errors import PrunerError
from pruner.mask import Mask
from pruner.ranking import Ranking
from pruner.registry import discover

Scope = Literal["local", "global"]


class Shaped(Protocol):
    """A tensor as far as its shape is known."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements along each dimension."""
        ...


class Method(Protocol):
    """How units are chosen.

    `name` is used in files and commands, `title` and `about` are for people; `passes` is how often all values are
    read, or as many bytes worked on, the count of zeros at the end included.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    passes: ClassVar[int]

    def unfit(self, tensor: Shaped) -> str:
        """Why the method has no meaning for a prunable tensor, as the end of a sentence; empty where it has."""
        ...


@runtime_checkable
class RankingMethod(Method, Protocol):
    """A method that takes an amount; `scopes` says whether that can count over several tensors together."""

    scopes: ClassVar[tuple[Scope, ...]]

    def rank(self, tensors: Sequence[Elements]) -> Sequence[Ranking]:
        """The rankings of tensors whose keys can be compared; nothing is read before keys are asked for."""
        ...


@runtime_checkable
class MaskingMethod(Method, Protocol):
    """A method that needs no amount."""

    def mask(self, elements: Elements) -> Mask:
        """The mask after the round; nothing that is pruned comes back."""
        ...


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a method: its name, what people call it, what it means, its type and default (None: to be given)."""

    name: str
    title: str
    about: str
    type: type
    default: Any

    def parse(self, text: str) -> Any:
        """The value that a text stands for; raises `PrunerError`."""
        try:
            return self.type(text.strip())
        except ValueError:
            kind = {int: "a whole number", float: "a number"}.get(self.type, "a text")
            raise PrunerError(f"“{self.title}” ({self.name}) is {kind}, not “{text}”.") from None


def option(title: str, about: str, type: type, default: Any = None) -> Any:
    """A dataclass field that is an option of a method."""
    return field(default=default, metadata={"option": (title, about, type)})


def options_of(method: type[Method] | Method) -> tuple[Option, ...]:
    """The options of a method, in their order."""
    found: Any = fields(method)  # type: ignore[arg-type]
    return tuple(_option_of(one) for one in found)


def _option_of(found: Any) -> Option:
    title, about, kind = found.metadata["option"]
    return Option(found.name, title, about, kind, found.default)


def takes_amount(method: type[Method] | Method) -> bool:
    """Whether the method prunes an amount."""
    return hasattr(method, "rank")


def scopes_of(method: type[Method] | Method) -> tuple[Scope, ...]:
    """Whether amounts count in each tensor, or over all together."""
    found: tuple[Scope, ...] = getattr(method, "scopes", ("local",))
    return found


@cache
def methods() -> dict[str, type[Method]]:
    """All methods by name."""
    return discover(__name__, "METHOD")


def method_named(name: str) -> type[Method]:
    """The method of that name; raises `PrunerError` with the names there are."""
    try:
        return methods()[name]
    except KeyError:
        raise PrunerError(f"There is no method “{name}”; there are {', '.join(methods())}.") from None


def make_method(name: str, options: Mapping[str, Any] | None = None) -> Method:
    """The method of that name with options, which may be texts.

    Raises `PrunerError` for a name that is not there, an option the method does not have or lacks, or a wrong value.
    """
    kind = method_named(name)
    known = {one.name: one for one in options_of(kind)}
    given = dict(options or {})
    for key, value in given.items():
        if key not in known:
            there_are = f"its options are {', '.join(known)}" if known else "it has none"
            raise PrunerError(f"{kind.title} has no option “{key}”; {there_are}.")
        if isinstance(value, str):
            given[key] = known[key].parse(value)
    for key, one in known.items():
        if given.get(key, one.default) is None:
            raise PrunerError(f"{kind.title} needs {key}: {one.about}")
    return kind(**given)


def described(method: Method) -> str:
    """The method in words: as it calls itself, or its title with the options that are not at their defaults."""
    if type(method).__str__ is not object.__str__:
        return str(method)
    changed = [
        f"{one.title.lower()} {getattr(method, one.name)}"
        for one in options_of(method)
        if getattr(method, one.name) != one.default
    ]
    return f"{method.title} ({', '.join(changed)})" if changed else method.title


def brief(method: Method) -> str:
    """The method in a word or two, such as `2:4`: its own `brief` where it has one, else its title."""
    return str(getattr(method, "brief", method.title))
