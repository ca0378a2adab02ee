"""A model in a process of its own, for as long as it is evaluated: built once, given weights again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pruner.models.batch import Input, packed
from pruner.models.description import Description, built, require_named, send_build
from pruner.models.parcel import Parcel, Values
from pruner.models.process import Child, Printed
from pruner.progress import Progress


class Runner:
    """A process with a model, and the function that evaluates it where there is one.

    `model` and `function` are `FILE.py:NAME` or `package.module:NAME`, `arguments` those of the model's function by
    name, `device` is torch's name of one or `auto` (the first GPU), `python` another interpreter with a torch of its
    own. `printed` is told each line that the user's code prints, on the thread that waits.

    Building goes on in the background; `ready` waits for it. After a `ModelError` it can be asked again as long as it
    is `alive`; else a new one is needed. Not for several threads at a time.
    """

    def __init__(
        self,
        model: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        function: str | None = None,
        device: str = "cpu",
        python: str | None = None,
        printed: Printed | None = None,
    ) -> None:
        require_named(model, "model")
        if function is not None:
            require_named(function, "function")
        self.model, self.function = model, function
        self._child = Child(python, printed)
        self._weights = Parcel(lambda path: self._open("weights", path))
        self._batch = Parcel(lambda path: self._open("batch", path))
        self._description: Description | None = None
        self._loaded = False
        self._build = partial(send_build, self._child, model, arguments, device)
        self._build()
        self._building = True

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and all that it started."""
        self._child.close()
        self._weights.close()
        self._batch.close()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._child.alive

    @property
    def printed(self) -> str:
        """What the user's code printed while it did what was asked last; of much, the end."""
        return self._child.tail

    def ready(self, progress: Progress | None = None) -> Description:
        """The model, when it is built and the function is loaded; raises `ModelError`, and what `progress` raises."""
        if self._description is None:
            if not self._building:
                self._build()
            self._building = False
            self._description = built(self._child, self.model, progress)
        if self.function is not None and not self._loaded:
            self._ask(f"{self.function} cannot be used", self.function, progress, "function", spec=self.function)
            self._loaded = True
        return self._description

    def load(self, tensors: Mapping[str, Values], progress: Progress | None = None) -> None:
        """Give the model tensors by its own names; only what changed since the last time travels.

        Whatever a function did to the weights is undone. Raises `ModelError` where they do not fit, `PrunerError` where
        they cannot be read, and what `progress` raises.
        """
        self.ready(progress)
        index = self._weights.put(dict(tensors), progress)
        self._ask(f"{self.model} does not take these weights", self.model, progress, "load", index=index)

    def evaluate(self, batches: int | None = None, progress: Progress | None = None) -> dict[str, Any]:
        """Call the function: `metrics`, `seconds` and `samples`; raises `ModelError`, and what `progress` raises."""
        assert self.function is not None
        self.ready(progress)
        found: dict[str, Any] = self._ask(
            f"{self.function} failed", self.function, progress, "evaluate", batches=batches
        )
        return found

    def remember(self, batch: Sequence[Input], progress: Progress | None = None) -> None:
        """Keep the model's outputs for a batch, to compare others with; raises as `agreement` does."""
        self._run("remember", batch, progress)

    def agreement(self, batch: Sequence[Input], progress: Progress | None = None) -> list[dict[str, Any]]:
        """Figures for each tensor of the outputs, against those that were kept.

        Raises `ModelError` where the model fails on the batch, and what `progress` raises.
        """
        found: list[dict[str, Any]] = self._run("agreement", batch, progress)
        return found

    def _run(self, do: str, batch: Sequence[Input], progress: Progress | None) -> Any:
        self.ready(progress)
        request, tensors = packed(batch)
        index = self._batch.put(tensors, progress) if tensors else []
        return self._ask(f"{self.model} failed on the batch", self.model, progress, do, batch=request, index=index)

    def _open(self, name: str, path: str) -> None:
        self._ask(f"{self.model} cannot be given weights", self.model, None, "open", name=name, path=path)

    def _ask(self, failed: str, what: str, progress: Progress | None, do: str, **request: Any) -> Any:
        return self._child.ask(what, failed, progress, do, **request)
