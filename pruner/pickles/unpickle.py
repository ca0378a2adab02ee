"""An unpickler that runs nothing: it reads a pickle's opcodes and describes what they would build.

Work and memory are linear in the pickle's length, and bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pruner.pickles.opcodes  # noqa: F401 - tells the machine what the opcodes do
from pruner.pickles.danger import GlobalUse
from pruner.pickles.machine import Machine, PickleEndsEarly, UnpickleError
from pruner.pickles.values import Persistent

__all__ = ["Pickle", "PickleEndsEarly", "UnpickleError", "read_pickle"]


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
    machine = Machine(data, start, outside)
    try:
        value = machine.run()
    except UnpickleError:
        raise
    except (IndexError, KeyError, ValueError, TypeError, struct.error, OverflowError) as error:
        if machine.position >= len(data) or isinstance(error, struct.error):
            raise PickleEndsEarly(f"the pickle ends early, at byte {len(data)}") from error
        raise UnpickleError(f"the pickle is damaged near byte {machine.position}") from error
    return Pickle(value, machine.position - start, tuple(machine.persistents), machine.globals_used())
