"""Pipes: whoever reads what is printed may go away early, and no pipe stands where a file is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

NO_PIPE = (
    "“-” cannot stand for a pipe here, since files are read and written in places, not from end to end: give the name "
    "of a file (./- for one that is called so)."
)


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Where the reader of stdout goes away early, as `head` does, the rest is not said, and nothing is wrong."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class FilePath(click.Path):
    """A path as `pathlib.Path`; “-” is wrong usage."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; fails for “-”."""
        if str(value) == "-":
            self.fail(NO_PIPE, param, ctx)
        return super().convert(value, param, ctx)


FILE_PATH = FilePath()
