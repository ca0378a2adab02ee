"""Models that users point to in Python: built in a process of their own, which cannot take this one along."""

from pruner.models.batch import FileInput, Input, RandomInput, parse_input
from pruner.models.description import Description, ModelTensor, describe
from pruner.models.fitting import Fit, fit
from pruner.models.process import ModelError
from pruner.models.runner import Runner

__all__ = [
    "Description",
    "FileInput",
    "Fit",
    "Input",
    "ModelError",
    "ModelTensor",
    "RandomInput",
    "Runner",
    "describe",
    "fit",
    "parse_input",
]
