"""Errors that a user can cause, each with the file, the tensor and the way out in its text."""

from __future__ import annotations

from pathlib import Path


class PrunerError(Exception):
    """What a user asked for cannot be done; the text says what is wrong and what to do."""


class AmountValueError(PrunerError, ValueError):
    """An amount out of range, where torch raises `ValueError`."""


class AmountTypeError(PrunerError, TypeError):
    """An amount that is not a number, where torch raises `TypeError`."""


class FileChangedError(PrunerError):
    """A file behind an open checkpoint is gone, or is another than when it was opened."""


class UnknownTensorError(PrunerError, KeyError):
    """A name or a pattern that fits no tensor of the checkpoint."""

    def __str__(self) -> str:
        return str(self.args[0])


def damaged(path: Path, what: str) -> PrunerError:
    """The error for a file that breaks its own rules."""
    return PrunerError(f"{path}: {what}. The file is cut off or damaged; fetch or copy it again.")


class Cancelled(Exception):  # noqa: N818 - an intention of the user's, not an error
    """Raised by a progress callback to stop the work; whatever was begun is taken back."""
