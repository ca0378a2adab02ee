"""Parameters of which nothing is left."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.words import counted, listed


class Collapsed:
    """See `Check`. A bias that is zero is usual; a weight that is zero passes nothing on."""

    name = "collapsed"
    title = "Weights that collapsed"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        sizes = {info.name: info for info in patient.numbers}
        names = tuple(
            name
            for name, one in patient.vitals.items()
            if one.zeros == sizes[name].numel and len(sizes[name].shape) > 1 and sizes[name].kind != "buffer"
        )
        if names:
            yield Finding(
                self.name,
                "fault",
                names,
                f"All values are zero in {counted(len(names), 'weight')}: {listed(names)}.",
                "Its module passes nothing on but its bias, whatever it is given. Prune it less: from the dense "
                "checkpoint, with a ceiling for each tensor (--ceiling '*=95%').",
            )


CHECK = Collapsed()
