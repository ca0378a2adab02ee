"""Zeros with a sign."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair
from pruner.methods.threshold import Threshold
from pruner.words import counted, listed


class NegativeZeros:
    """See `Check`. Half of what torch prunes becomes -0.0, the product of a negative number and 0."""

    name = "negative_zeros"
    title = "Negative zeros"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        signed = {name: one.negative_zeros for name, one in patient.vitals.items() if one.negative_zeros}
        if signed:
            names = tuple(signed)
            yield Finding(
                self.name,
                "note",
                names,
                f"{sum(signed.values()):,} zeros are -0.0, in {counted(len(names), 'tensor')}: {listed(names)}.",
                "They count as zeros, but compress worse and compare unequal byte by byte: torch's prune.remove leaves "
                "them.",
                Repair(
                    f"Write +0.0 for {sum(signed.values()):,} zeros", masked=dict.fromkeys(names, (Threshold(0.0),))
                ),
            )


CHECK = NegativeZeros()
