"""The doctor: what is wrong with a checkpoint, or may be, what that means, and what would mend it.

A check is one file in `pruner/doctor/checks` with a `CHECK`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from pruner.checkpoint import Checkpoint
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair, repaired, united
from pruner.progress import Meter, Progress
from pruner.registry import discover

__all__ = ["Check", "Finding", "Repair", "Severity", "all_checks", "examine", "repaired", "united"]

Severity = Literal["fault", "risk", "note"]
"""Something is broken; something may surprise; something is worth knowing."""
_ORDER: tuple[Severity, ...] = ("fault", "risk", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    `check` names the check, `tensors` those it is about, in the order of the file. `text` says what there is and
    `meaning` what follows from it, each in a sentence or two; `repair` is what would mend it, None where nothing in the
    file can.
    """

    check: str
    severity: Severity
    tensors: tuple[str, ...]
    text: str
    meaning: str
    repair: Repair | None = None


class Check(Protocol):
    """Looks for one kind of fault; `passes` is how often it reads all numbers, 0 where names tell."""

    name: str
    title: str
    passes: int

    def find(self, patient: Patient) -> Iterator[Finding]:
        """What there is; raises `PrunerError` where numbers cannot be read, and what the patient's progress raises."""
        ...


@cache
def all_checks() -> dict[str, Check]:
    """All checks by name."""
    return discover("pruner.doctor.checks", "CHECK")


def examine(checkpoint: Checkpoint, progress: Progress | None = None) -> tuple[Finding, ...]:
    """All findings, faults first; numbers are read piece by piece.

    Raises `PrunerError` where they cannot be read, and what `progress` raises.
    """
    work = sum(check.passes for check in all_checks().values()) * sum(one.nbytes for one in checkpoint.tensors.values())
    patient = Patient(checkpoint, Meter(max(work, 1), progress))
    found = [finding for check in all_checks().values() for finding in check.find(patient)]
    checkpoint.require_unchanged()
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
