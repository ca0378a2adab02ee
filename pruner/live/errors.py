"""What torch raises, as errors of ours too: `except ValueError` written for torch catches them, and `PrunerError`."""

from pruner.errors import PrunerError


class LiveTypeError(PrunerError, TypeError):
    """What is not a parameter, not a method of pruning, or not a collection of the kind that is asked for."""


class LiveValueError(PrunerError, ValueError):
    """A mask that is not of 0 and 1, a tensor without channels, a tensor that is not pruned."""


class LiveIndexError(PrunerError, IndexError):
    """A dimension that the tensor does not have."""


class LiveAttributeError(PrunerError, AttributeError):
    """A name that the module does not have."""


class LiveAssertionError(PrunerError, AssertionError):
    """Shapes that differ, or several hooks on one tensor: where torch asserts."""


class LiveRuntimeError(PrunerError, RuntimeError):
    """Nothing to work on."""
