"""What can be asked of the process; each method is a request, and gives what JSON has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .agreeing import agreement, outputs
from .building import built, described, give, others, placed
from .evaluating import Evaluate, seed
from .mapped import Mapped
from .naming import Names


class Session:
    """One model, one function to evaluate it, and the outputs that others are compared with."""

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self._told = told
        self._named = Names()
        self._model: Any = None
        self._device = "cpu"
        self._evaluate: Evaluate | None = None
        self._files: dict[str, Mapped] = {}
        self._reference: dict[str, Any] = {}
        self._request: dict[str, Any] = {}
        self._tied: list[list[str]] = []
        self._as_built: dict[str, Any] | None = None

    def build(self, model: str, arguments: dict[str, Any], device: str | None) -> dict[str, Any]:
        """Build and describe a model; where a device is named, it goes there and can be given weights.

        What it draws at random is the same each time.
        """
        made = self._named(model)
        if "torch" in sys.modules:
            seed()
        self._model = built(made, model, arguments)
        if device is not None:
            self._model, self._device = placed(self._model, device)
        self._request = {"model": model, "arguments": arguments, "device": device}
        self._as_built = None
        found = described(self._model)
        self._tied = found["tied"]
        return {
            **found,
            "device": self._device,
            "python": sys.version.split()[0],
            "torch": sys.modules["torch"].__version__,
        }

    def function(self, spec: str) -> None:
        """Load the function that evaluates, and see whether it can be called."""
        self._evaluate = Evaluate(self._named(spec), spec, self._told)

    def open(self, name: str, path: str) -> None:
        """Open a file of tensors that the other side writes; it may be unlinked then."""
        self._files[name] = Mapped(path)

    def load(self, index: list[list[Any]]) -> None:
        """Give the model the tensors of the file “weights”; the others have the values that it was built with."""
        absent = others(self._model, {one[0] for one in index}, self._tied)
        if self._as_built is not None and not absent.keys() <= self._as_built.keys():
            self.build(**self._request)  # they were given others since
            absent = others(self._model, {one[0] for one in index}, self._tied)
        if self._as_built is None:
            self._as_built = {name: value.clone() for name, value in absent.items()}
        kept = {name: self._as_built[name] for name in absent}
        give(self._model, {**kept, **self._files["weights"].tensors(index)})

    def evaluate(self, batches: int | None) -> dict[str, Any]:
        """Call the function."""
        assert self._evaluate is not None
        return self._evaluate(self._model, self._device, batches)

    def remember(self, batch: list[dict[str, Any]], index: list[list[Any]]) -> None:
        """Keep the model's outputs for a batch; the tensors of its inputs are in the file “batch”."""
        self._reference = self._outputs(batch, index)

    def agreement(self, batch: list[dict[str, Any]], index: list[list[Any]]) -> list[dict[str, Any]]:
        """Compare the model's outputs for a batch with those that were kept."""
        return agreement(self._reference, self._outputs(batch, index))

    def _outputs(self, batch: list[dict[str, Any]], index: list[list[Any]]) -> dict[str, Any]:
        tensors = self._files["batch"].tensors(index) if index else {}
        return outputs(self._model, batch, tensors, self._device)
