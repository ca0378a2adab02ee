"""What a model is run on where there is no function: random numbers of a shape, or the tensors of a file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruner.entries import Entry
from pruner.errors import PrunerError
from pruner.formats import open_checkpoint
from pruner.models.fitting import Given
from pruner.models.parcel import Values
from pruner.reading import why_unreadable

_MOST_ELEMENTS = 1 << 31
_PLACE = re.compile(r"(arr_)?\d+")
"""A name that only says where in a list a tensor was."""


@dataclass(frozen=True, slots=True)
class RandomInput:
    """An input drawn at random, the same each time, on the CPU.

    It is normally distributed in the type of the model's first floating-point parameter; int64 from 0 up to and
    without `below` where that is given.
    """

    shape: tuple[int, ...]
    below: int | None = None

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.shape))
        return f"random numbers {shape}" if self.below is None else f"random integers {shape} below {self.below}"


@dataclass(frozen=True, slots=True)
class FileInput:
    """The tensors of a file, read as data.

    One tensor, or those of a list or tuple, are given by position; those of a dictionary by keyword. Floating-point
    ones are converted to the type of the model's first floating-point parameter.
    """

    path: Path

    def __str__(self) -> str:
        return self.path.name


Input = RandomInput | FileInput


def parse_input(text: str) -> Input:
    """An input of `1,3,224,224` (random), `1,128:30522` (random integers below 30522) or a file's path.

    Raises `PrunerError` for a shape that is none.
    """
    match = re.fullmatch(r"\s*(\d+(?:\s*[,x×]\s*\d+)*)\s*(?::\s*(\d+)\s*)?", text)
    if match is None:
        return FileInput(Path(text))
    shape = tuple(int(size) for size in re.split(r"[,x×]", match[1]))
    below = int(match[2]) if match[2] else None
    if not 0 < math.prod(shape) <= _MOST_ELEMENTS or below == 0:
        raise PrunerError(f"“{text}” is no shape of an input, such as 1,3,224,224, or 1,128:30522 for integers.")
    return RandomInput(shape, below)


def packed(batch: Sequence[Input]) -> tuple[list[dict[str, Any]], dict[str, Values]]:
    """A batch as the process is asked for it, and the tensors that have to travel; raises `PrunerError`."""
    request: list[dict[str, Any]] = []
    tensors: dict[str, Values] = {}
    for one in batch:
        if isinstance(one, RandomInput):
            request.append({"shape": list(one.shape), "below": one.below})
            continue
        for name, values in _of_file(one.path).items():
            tensors[key := str(len(tensors))] = values
            request.append({"tensor": key, "name": name})
    return request, tensors


def samples_of(batch: Sequence[Input]) -> int | None:
    """The first size of the first input, None for a number without dimensions; raises `PrunerError`."""
    for one in batch:
        shapes = [one.shape] if isinstance(one, RandomInput) else [own.shape for own in _of_file(one.path).values()]
        for shape in shapes:
            return shape[0] if shape else None
    return None


def _of_file(path: Path) -> dict[str, Given]:
    """The tensors of a file by keyword; by digits where they go by position."""
    checkpoint = open_checkpoint(path)
    for info in checkpoint.tensors.values():
        if not info.readable:
            raise PrunerError(f"{path}: “{info.name}” cannot be given to a model: {why_unreadable(info)}")
    found = {name: Given(Entry(name, info), None, checkpoint.files) for name, info in checkpoint.tensors.items()}
    if len(found) == 1 or all(_PLACE.fullmatch(name) for name in found):
        return {str(place): values for place, values in enumerate(found.values())}
    return found
