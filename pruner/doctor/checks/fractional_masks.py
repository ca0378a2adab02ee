"""Masks with other numbers than 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Pair, Patient
from pruner.doctor.repairing import permanent
from pruner.words import counted, listed


class FractionalMasks:
    """See `Check`."""

    name = "fractional_masks"
    title = "Masks that are not binary"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        odd = [pair for pair in patient.pairs if _is_odd(patient, pair)]
        if not odd:
            return
        names = tuple(pair.mask.name for pair in odd)
        yield Finding(
            self.name,
            "fault",
            names,
            f"{counted(len(names), 'mask')} with other numbers than 0 and 1: {listed(names)}.",
            "The forward pass multiplies by them, so that they scale weights rather than prune them.",
            permanent(f"Prune where {counted(len(names), 'mask')} has 0, and keep the rest at full size", odd),
        )


def _is_odd(patient: Patient, pair: Pair) -> bool:
    return any(bool(((chunk != 0) & (chunk != 1)).any()) for chunk in patient.chunks(pair.mask))


CHECK = FractionalMasks()
