"""Buffers and scales that pruning should have left alone."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import permanent
from pruner.words import counted, listed

_STATISTICS = ("running_var",)
_SCALES = ("_scale", ".scale", "_scale_inv", "scales")


class Touched:
    """See `Check`. A variance or a scale that is partly zero divides by nothing, or wipes what it scales."""

    name = "touched"
    title = "Buffers and scales touched by pruning"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        masked = [pair for pair in patient.pairs if pair.name.endswith((*_STATISTICS, "running_mean", *_SCALES))]
        if masked:
            names = tuple(pair.orig.name for pair in masked)
            yield Finding(
                self.name,
                "fault",
                names,
                f"{counted(len(names), 'buffer or scale', 'buffers or scales')} with a mask: {listed(names)}.",
                "Statistics and scales are no weights: a zero in them distorts or wipes a whole channel.",
                permanent(f"Make {counted(len(names), 'masked tensor')} permanent", masked),
            )
        zero = {
            name: one.zeros
            for name, one in patient.vitals.items()
            if one.zeros and name.endswith((*_STATISTICS, *_SCALES))
        }
        if zero:
            names = tuple(zero)
            yield Finding(
                self.name,
                "risk",
                names,
                f"{counted(sum(zero.values()), 'zero')} in variances or scales: {listed(names)}.",
                "A channel with a scale of 0 is wiped, and one with a variance of 0 is blown up. If pruning did it, "
                "take these tensors from the dense checkpoint; a channel that was always constant has them, too.",
            )


CHECK = Touched()
