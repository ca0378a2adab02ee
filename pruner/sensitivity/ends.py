"""Which parameters a model begins and ends with, as far as the order of the file or their names tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FIRST = re.compile(
    r"\w*embed(ding)?s?(_tokens|_in|_positions)?|wte|wpe|patch_embed|stem|conv_?(in|1|first|stem)|proj_in"
)
_LAST = re.compile(r"(\w+_)?heads?|classifier|fc|score|logits|embed_out|(conv|proj)_out|output(_layer|_proj)?")


def ends_of(names: Sequence[str]) -> dict[str, str]:
    """The names of first and last layers, with which they are; `names` are of parameters of a model, in file order.

    A file that has them by the alphabet, as safetensors files do, does not tell the order in which they are used:
    there those with an input's name (embeddings, a stem) are first, and the last of those with an output's name (a
    head, a classifier) is last. Where no name tells, it is the first and the last one, numbers ordered as numbers.
    """
    if not names:
        return {}
    if len(names) == 1 or list(names) != sorted(names):
        return {names[-1]: "the last layer", names[0]: "the first layer"}
    ordered = sorted(names, key=_natural)
    last = [name for name in ordered if _is(_LAST, name)]
    first = [name for name in ordered if name not in last and _is(_FIRST, name)]
    last = last[-1:] or [name for name in ordered if name not in first][-1:]
    first = first or [name for name in ordered if name not in last and not _is(_LAST, name)][:1]
    return dict.fromkeys(last, "the last layer, by its name") | dict.fromkeys(first, "the first layer, by its name")


def _is(what: re.Pattern[str], name: str) -> bool:
    """Whether a part of a name says so, in front of the number of a block."""
    for part in name.lower().split(".")[:-1]:
        if part.isdigit():
            return False
        if what.fullmatch(part):
            return True
    return False


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
