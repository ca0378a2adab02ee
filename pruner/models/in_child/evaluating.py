"""The function that evaluates: how it is called, and what it may give."""

from __future__ import annotations

import inspect
import math
import numbers
import random
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from .faults import Refused

SAMPLES = "samples"
"""The name under which a function may tell how many samples it measured on; it is no metric."""
_OPTIONAL = ("device", "batches", "progress")
_REPORT_SECONDS = 0.1


class Evaluate:
    """A user's function, checked before the first weights travel; `told` gets how far it is."""

    def __init__(self, function: Any, spec: str, told: Callable[[int, int], None]) -> None:
        if not callable(function):
            raise Refused(f"{spec} is a {type(function).__name__}, and not a function")
        self._function = function
        self._name = spec.rpartition(":")[2].rpartition(".")[2]
        self._told = told
        self._last = 0.0
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # of some that are written in C
            self._takes: tuple[str, ...] = ()
            return
        self._takes = tuple(name for name in _OPTIONAL if name in signature.parameters)
        try:
            signature.bind(None, **dict.fromkeys(self._takes))
        except TypeError:
            raise Refused(
                f"{self._name}{signature} takes other arguments: it is called as {self._name}(model), with device, "
                "batches and progress by name where it has them"
            ) from None

    def __call__(self, module: Any, device: str, batches: int | None) -> dict[str, Any]:
        """Metrics by name, seconds, and samples (None where the function does not tell).

        The model is in evaluation mode, and what is drawn at random is the same each time.
        """
        if batches is not None and "batches" not in self._takes:
            raise Refused(f"{self._name} has no argument “batches”, so their number cannot be chosen")
        given = {"device": device, "batches": batches, "progress": self._progress}
        module.eval()
        seed()
        begun = time.perf_counter()
        result = self._function(module, **{name: given[name] for name in self._takes})
        seconds = time.perf_counter() - begun
        return {**self._checked(result), "seconds": seconds}

    def _progress(self, done: int, total: int = 0) -> None:
        now = time.monotonic()
        if now - self._last >= _REPORT_SECONDS:
            self._last = now
            self._told(int(done), int(total))

    def _checked(self, result: Any) -> dict[str, Any]:
        if result is None:
            raise Refused(f"{self._name} gave nothing back: end it with “return” and a number or a dict of numbers")
        if not isinstance(result, Mapping):
            return {"metrics": {self._name: self._number(result, "")}, "samples": None}
        found = {self._key(key): self._number(value, f" for “{key}”") for key, value in result.items()}
        samples = found.pop(SAMPLES, None)
        if not found:
            raise Refused(f"{self._name} gave a dict without metrics: it needs a number at least")
        return {"metrics": found, "samples": None if samples is None else int(samples)}

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise Refused(f"{self._name} gave a dict with the key {key!r}: metrics are named by text")
        return key

    def _number(self, value: Any, whose: str) -> float:
        if hasattr(value, "item") and hasattr(value, "shape") and not isinstance(value, numbers.Real):
            shape = list(value.shape)
            raise Refused(
                f"{self._name} gave a {type(value).__name__} of shape {shape}{whose}, and not a number: "
                f"return {'its .item()' if not shape or shape == [1] else 'one number, such as its mean().item()'}"
            )
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            kind = type(value).__name__
            raise Refused(f"{self._name} gave a {kind}{whose}, and not a number or a dict of numbers")
        number = float(value)
        if math.isnan(number):
            raise Refused(f"{self._name} gave NaN (not a number){whose}")
        return number


def seed() -> None:
    """Draw the same at random as the last time."""
    import torch

    torch.manual_seed(0)
    random.seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
