"""Weights that are sparse and have no masks."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair
from pruner.methods.threshold import Threshold
from pruner.words import counted, listed

_SPARSE = 0.1
"""A share of zeros that no training leaves by chance."""


class UnmaskedZeros:
    """See `Check`. What collapsed, and what has a mask, is told elsewhere."""

    name = "unmasked_zeros"
    title = "Zeros without masks"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        masked = {pair.orig.name for pair in patient.pairs} | {pair.name for pair in patient.pairs}
        sparse = {
            info.name: patient.vitals[info.name].zeros
            for info in patient.numbers
            if len(info.shape) > 1
            and info.kind != "buffer"
            and info.name not in masked
            and _SPARSE * info.numel <= patient.vitals[info.name].zeros < info.numel
        }
        if sparse:
            names = tuple(sparse)
            yield Finding(
                self.name,
                "note",
                names,
                f"{counted(sum(sparse.values()), 'zero')} in {counted(len(names), 'weight')} without masks: "
                f"{listed(names)}.",
                "They are pruned for good: training on fills them again. Masks made from them keep them; save the "
                "masked form then.",
                Repair(
                    f"Make masks of {counted(len(names), 'weight')} from the zeros",
                    masked=dict.fromkeys(names, (Threshold(0.0),)),
                    by_name=True,
                ),
            )


CHECK = UnmaskedZeros()
