"""Models that users point to in Python: built in a process of their own, which cannot take this one along."""

from pruner.models.description import Description, ModelTensor, describe
from pruner.models.process import ModelError

__all__ = ["Description", "ModelError", "ModelTensor", "describe"]
