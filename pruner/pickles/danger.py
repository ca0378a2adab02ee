"""What loading a pickle would run: the classes and functions that it names, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["plain", "code", "dangerous"]


@dataclass(frozen=True, slots=True)
class GlobalUse:
    """A class or function that a file names.

    `called` says whether loading by pickle would call it (or only import its module and look it up). `verdict` is
    `plain` for the parts of torch, numpy and Python that only build data, `code` for what would run code of some
    package, `dangerous` for what is known to start programs, run text as code, reach files or the network; `why` says
    so in a sentence.
    """

    name: str
    called: bool
    verdict: Verdict
    why: str


def judge(module: str, name: str, called: bool) -> GlobalUse:
    """What loading `module.name` by pickle would do."""
    return GlobalUse(f"{module}.{name}", called, "code", f"It would run code of the package “{module}”.")
