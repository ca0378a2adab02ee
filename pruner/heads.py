"""Attention heads: runs of neighbouring channels of a projection, as far as names and shapes suggest them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OUTPUT = r"(q|k|v|query|key|value)(_proj|_lin|_layer)?|to_[qkv]|w[qkv]|[qkv]_proj_weight"
_FUSED = r"(in|qkv)_proj(_weight)?|qkv|wqkv|to_qkv|c_attn"
_MIXED = r"query_key_value"
_INPUT = r"(out|o)_(proj|lin)|wo|to_out|c_proj"
_OWN = r"(weight|data)(_orig)?|0|linear|base_layer"
"""Parts of a name behind the projection's own."""
_SIZES = (64, 128, 32, 80, 96)
"""Sizes of a head, the most common first."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Heads along dimension `dim` of a weight, which has `channels` there.

    `parts` is 3 where queries, keys and values follow one another, each with all of its heads, `each` 3 where every
    head has its own three, else both are 1. `guess` is how many heads there may be.
    """

    dim: int
    channels: int
    guess: int
    parts: int = 1
    each: int = 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """How many heads there can be, so that all are of one size."""
        whole = self.channels // (self.parts * self.each)
        return tuple(count for count in range(1, whole + 1) if whole % count == 0)


def heads_of(name: str, shape: tuple[int, ...]) -> Heads | None:
    """The heads that a tensor's name and shape suggest; None where they suggest none.

    Output channels for projections to queries, keys and values, input channels for the one behind the attention.
    Weights of transformers' `Conv1D` (`c_attn`) have their output channels in dimension 1.
    """
    if len(shape) != 2 or not all(shape):
        return None
    what = _projection(name)
    if re.fullmatch(_INPUT, what):
        return _guessed(1, shape[1])
    if re.fullmatch(_MIXED, what):
        return _guessed(0, shape[0], each=3) if shape[0] % 3 == 0 else None
    if re.fullmatch(_FUSED, what):
        for dim in (0, 1):
            if shape[dim] == 3 * shape[1 - dim]:
                return _guessed(dim, shape[dim], parts=3)
        return _guessed(0, shape[0])
    return _guessed(0, shape[0]) if re.fullmatch(_OUTPUT, what) else None


def _projection(name: str) -> str:
    """The part of a tensor's name that says what it projects."""
    parts = name.lower().split(".")
    while len(parts) > 1 and re.fullmatch(_OWN, parts[-1]):
        parts.pop()
    return parts[-1].removesuffix("_orig")


def _guessed(dim: int, channels: int, parts: int = 1, each: int = 1) -> Heads | None:
    for size in _SIZES:
        count, rest = divmod(channels, size * parts * each)
        if count > 1 and not rest:
            return Heads(dim, channels, count, parts, each)
    return None
