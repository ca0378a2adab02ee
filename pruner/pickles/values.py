"""What a pickle describes, as inert data: nothing a file names is imported or called.

Numbers, strings, tuples, lists, dicts and sets are Python's own. Every class or function is a `Global`, every object
that the file would build by calling one is a `Call` with its arguments and state, every persistent id a `Persistent`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

How = Literal["reduce", "newobj", "newobj_ex"]


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function, by name only."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, slots=True)
class Persistent:
    """An object that is kept outside the pickle, by its id; in torch's files a storage."""

    id: Any


@dataclass(eq=False, slots=True)
class Call:
    """An object that unpickling would have made by calling `function`.

    `how` is the way of calling it; `kwargs` is for `newobj_ex`. `states` is what the file would have set on it
    (BUILD), `items` what it would have appended or added, and `pairs` what it would have set by key, in order.
    """

    function: Any
    args: Any
    how: How = "reduce"
    kwargs: Any = None
    states: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    pairs: dict[Any, Any] = field(default_factory=dict)

    def calls(self, *names: str) -> bool:
        """Whether the function is one of these dotted names."""
        return isinstance(self.function, Global) and str(self.function) in names

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
