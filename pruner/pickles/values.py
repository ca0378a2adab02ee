"""What a pickle describes, as inert data: nothing a file names is imported or called.

Numbers, strings, tuples, lists, dicts and sets are Python's own. Every class or function is a `Global`, every object
that the file would build by calling one is a `Call` with its arguments and state, every persistent id a `Persistent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

How = Literal["reduce", "newobj", "newobj_ex"]


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function, by name only; `path` is its dotted name with the module's."""

    module: str
    name: str
    path: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"{self.module}.{self.name}")

    def __str__(self) -> str:
        return self.path


class Persistent:
    """An object that is kept outside the pickle, by its id; in torch's files a storage."""

    __slots__ = ("id",)

    def __init__(self, id: Any) -> None:
        self.id = id


class Call:
    """An object that unpickling would have made by calling `function`.

    `how` is the way of calling it; `kwargs` is for `newobj_ex`. `states` is what the file would have set on it
    (BUILD), `items` what it would have appended or added, and `pairs` what it would have set by key, in order; each is
    None until there is something.
    """

    __slots__ = ("args", "function", "how", "items", "kwargs", "pairs", "states")

    def __init__(
        self,
        function: Any,
        args: Any,
        how: How = "reduce",
        kwargs: Any = None,
        pairs: dict[Any, Any] | None = None,
    ) -> None:
        self.function = function
        self.args = args
        self.how = how
        self.kwargs = kwargs
        self.pairs = pairs
        self.items: list[Any] | None = None
        self.states: list[Any] | None = None

    def extend(self, values: Iterable[Any]) -> None:
        """Append items."""
        if self.items is None:
            self.items = []
        self.items.extend(values)

    def build(self, state: Any) -> None:
        """Set a state."""
        if self.states is None:
            self.states = []
        self.states.append(state)

    def filled(self, args: Any, pairs: dict[Any, Any]) -> Call:
        """The same object with other arguments and other pairs."""
        made = Call(self.function, args, self.how, self.kwargs, pairs)
        made.items, made.states = self.items, self.states
        return made

    def calls(self, *names: str) -> bool:
        """Whether the function is one of these dotted names."""
        return isinstance(self.function, Global) and self.function.path in names

    @property
    def state(self) -> Any:
        """The last state, None where there is none."""
        return self.states[-1] if self.states else None


def mapping_of(value: Any) -> dict[Any, Any] | None:
    """The keys and values of anything like a dict (an OrderedDict, a subclass of dict), None for other things."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, Call) or value.how == "newobj_ex":
        return None
    if value.calls("collections.OrderedDict"):
        return value.pairs or _pairs_in_arguments(value.args)
    return value.pairs or None


def _pairs_in_arguments(args: Any) -> dict[Any, Any]:
    """The items of an OrderedDict as Python 2 wrote it: a list of [key, value] in its one argument."""
    if not (isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], list)):
        return {}
    pairs = [tuple(pair) for pair in args[0] if isinstance(pair, (list, tuple)) and len(pair) == 2]
    return {key: value for key, value in pairs if isinstance(key, str)}


def attributes_of(value: Any) -> dict[Any, Any] | None:
    """The attributes of an object that is described by its state, as `object.__reduce_ex__` writes it."""
    if not isinstance(value, Call):
        return None
    state = value.state
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
        state = state[0]
    return state if isinstance(state, dict) else None


def persistents(value: Any) -> Iterator[Persistent]:
    """All objects outside the pickle that a value refers to, once each."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Persistent):
            yield one
        elif isinstance(one, Call):
            pending += [one.function, one.args, one.kwargs, one.items, one.pairs, one.states]
        elif isinstance(one, dict):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            pending += one
