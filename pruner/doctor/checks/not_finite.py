"""Values that are no numbers, or infinite."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair
from pruner.methods.non_finite import NonFinite
from pruner.words import counted, listed


class NotFinite:
    """See `Check`."""

    name = "not_finite"
    title = "NaN and infinite values"
    passes = 1

    def find(self, patient: Patient) -> Iterator[Finding]:
        odd = {name: one for name, one in patient.vitals.items() if one.nan or one.inf}
        if not odd:
            return
        names = tuple(odd)
        nan, inf = sum(one.nan for one in odd.values()), sum(one.inf for one in odd.values())
        yield Finding(
            self.name,
            "fault",
            names,
            f"{nan:,} NaN and {inf:,} infinite values in {counted(len(names), 'tensor')}: {listed(names)}.",
            "One of them turns every output that it reaches into NaN. Training diverged, or a type was too narrow.",
            Repair(
                f"Write 0 for {nan + inf:,} values that are not finite", masked=dict.fromkeys(names, (NonFinite(),))
            ),
        )


CHECK = NotFinite()
