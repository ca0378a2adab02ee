"""Keys that pruning renamed."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import permanent
from pruner.words import counted, listed


class RenamedKeys:
    """See `Check`."""

    name = "renamed_keys"
    title = "Keys renamed by pruning"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        pairs = patient.pairs
        if not pairs:
            return
        names = tuple(pair.orig.name for pair in pairs)
        yield Finding(
            self.name,
            "note",
            names,
            f"{counted(len(pairs), 'tensor')} in the masked form: {listed([pair.name for pair in pairs])}.",
            "The file takes about twice the space of what is pruned. A strict load into a module that is not pruned "
            "fails, and strict=False silently keeps that module's old weights: torch.nn.utils.prune.identity on each "
            "of these tensors first, then a strict load, then one forward.",
            permanent(
                f"Make {counted(len(pairs), 'masked tensor')} permanent",
                pairs,
            ),
        )


CHECK = RenamedKeys()
