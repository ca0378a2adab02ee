"""What pruning costs: a model of the user's with a checkpoint's weights, evaluated, or compared by its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pruner.checkpoint import Checkpoint
from pruner.errors import FileChangedError, PrunerError
from pruner.models.batch import Input, samples_of
from pruner.models.fitting import Fit, fit, given
from pruner.models.runner import Runner
from pruner.progress import Progress
from pruner.prune import Pruning


@dataclass(frozen=True)
class Evaluation:
    """What a function measured.

    `metrics` are its numbers by name (one that gave a single number: by its own), `seconds` what the call took,
    `samples` on how many it measured (None where it does not tell), `printed` what it printed, and `remarks` what of
    the checkpoint did not go into the model as it is.
    """

    metrics: Mapping[str, float]
    seconds: float
    samples: int | None = None
    printed: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """How far one tensor y' of a model's output agrees with y, that of the dense model.

    `relative_error` is ‖y − y'‖ / ‖y‖, `cosine` y·y' / (‖y‖ ‖y'‖), both over all elements; None where a norm is 0 or
    something is not `finite`. `top1` is the share of places whose largest class is the same, None where there are no
    classes: they are the last dimension of two or three, the second of more.
    """

    output: str
    shape: tuple[int, ...]
    relative_error: float | None
    cosine: float | None
    top1: float | None
    finite: bool


@dataclass(frozen=True)
class Agreement:
    """How far outputs agree on a batch of `samples`, for each floating-point tensor of the output, in its order."""

    outputs: tuple[OutputAgreement, ...]
    samples: int | None = None
    printed: str = ""
    remarks: tuple[str, ...] = ()


def evaluate(
    runner: Runner,
    checkpoint: Checkpoint,
    pruning: Pruning | None = None,
    *,
    batches: int | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Give the runner's model a checkpoint's weights, with what `pruning` prunes as 0, and call its function.

    Values in the masked form are `orig * mask`. The model is in evaluation mode, and random choices are the same each
    time. `batches` is handed to a function that takes it. With `strict`, keys that do not fit are an error.

    Raises `ModelError` where the user's code fails, `PrunerError` where keys do not fit, numbers cannot be read or the
    function changed the checkpoint's file, and what `progress` raises.
    """
    with _untouched(checkpoint, runner):
        found = _load(runner, checkpoint, pruning, strict, progress)
        answer = runner.evaluate(batches, progress)
    return Evaluation(answer["metrics"], answer["seconds"], answer["samples"], runner.printed, found.remarks())


def agreement(
    runner: Runner,
    dense: tuple[Checkpoint, Pruning | None],
    pruned: tuple[Checkpoint, Pruning | None],
    batch: Sequence[Input],
    *,
    strict: bool = True,
    progress: Progress | None = None,
) -> Agreement:
    """Run the runner's model on a batch with the weights of one side and of the other, and compare its outputs.

    Raises as `evaluate` does.
    """
    samples = samples_of(batch)
    with _untouched(dense[0], runner), _untouched(pruned[0], runner):
        first = _load(runner, *dense, strict, progress)
        runner.remember(batch, progress)
        second = _load(runner, *pruned, strict, progress)
        answer = runner.agreement(batch, progress)
    remarks = tuple(dict.fromkeys((*first.remarks(), *second.remarks())))
    outputs = (OutputAgreement(**{**one, "shape": tuple(one["shape"])}) for one in answer)
    return Agreement(tuple(outputs), samples, runner.printed, remarks)


def _load(
    runner: Runner, checkpoint: Checkpoint, pruning: Pruning | None, strict: bool, progress: Progress | None
) -> Fit:
    found = fit(runner.ready(progress), checkpoint)
    found.require(strict=strict)
    runner.load(given(checkpoint, pruning, found), progress)
    return found


@contextmanager
def _untouched(checkpoint: Checkpoint, runner: Runner) -> Iterator[None]:
    """Tell where a checkpoint's file changed meanwhile: a user's code can write where the user can."""
    checkpoint.require_unchanged()
    yield
    try:
        checkpoint.require_unchanged()
    except FileChangedError as error:
        raise PrunerError(
            f"{checkpoint.path}: the file changed while {runner.function or runner.model} ran. If the code writes to "
            "it, have it write elsewhere; fetch the file again and open it."
        ) from error
