"""What loading a file by pickle would run, in words: for the window's summary, its table and its warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from app import numbers
from app.plain import clipped
from pruner import Checkpoint
from pruner.pickles.danger import GlobalUse, Verdict

RANK: dict[Verdict, int] = {"dangerous": 0, "code": 1, "plain": 2}
"""The order in which a reader needs them."""
WORDS: dict[Verdict, str] = {"dangerous": "dangerous", "code": "runs code", "plain": "builds data"}
NO_PICKLES = "This container holds no pickles: nothing in it could run."
_NAME_LENGTH = 80
_WHY_LENGTH = 200


def ranked(uses: Iterable[GlobalUse]) -> list[GlobalUse]:
    """The dangerous ones first, then what runs code, then what builds data; each by name."""
    return sorted(uses, key=lambda use: (RANK[use.verdict], use.name.lower()))


def used(use: GlobalUse) -> str:
    """Whether loading would call it, or only look it up."""
    return "called" if use.called else "named"


def summary(uses: tuple[GlobalUse, ...]) -> str:
    """How many there are of each kind, in one line."""
    if not uses:
        return NO_PICKLES
    found = Counter(use.verdict for use in uses)
    code, plain = found["code"], found["plain"]
    parts = [
        f"{numbers.count(found['dangerous'])} dangerous" if found["dangerous"] else "",
        f"{numbers.count(code)} {'runs' if code == 1 else 'run'} code of packages" if code else "",
        f"{numbers.count(plain)} {'builds' if plain == 1 else 'build'} data" if plain else "",
    ]
    what = numbers.plural(len(uses), "class or function", "classes and functions")
    end = "Secateur does not run it." if len(uses) == 1 else "Secateur runs none of them."
    return f"{what}: {', '.join(part for part in parts if part)}. {end}"


def has_dangerous(checkpoint: Checkpoint | None) -> bool:
    """Whether loading the file by pickle would run something that is known to be dangerous."""
    return checkpoint is not None and any(use.verdict == "dangerous" for use in checkpoint.globals)


def danger(checkpoint: Checkpoint) -> str:
    """What to warn of on opening; empty where nothing is dangerous."""
    found = [use for use in ranked(checkpoint.globals) if use.verdict == "dangerous"]
    if not found:
        return ""
    name, why = clipped(found[0].name, _NAME_LENGTH), clipped(found[0].why, _WHY_LENGTH)
    would = f", which {why[3:].rstrip('.')} if it were loaded by pickle" if why.startswith("It would ") else ""
    others = f"{',' if would else ''} and {numbers.count(len(found) - 1)} more that are dangerous" if found[1:] else ""
    reason = "" if would else f" {why}"
    end = "Secateur runs none of them; see File." if others else "Secateur does not run it; see File."
    return f"{checkpoint.path.name} names {name}{would}{others}.{reason} {end}"
