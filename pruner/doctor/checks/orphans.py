"""Halves of a masked tensor whose other half is missing."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair
from pruner.words import counted, listed


class Orphans:
    """See `Check`. A name counts only where the file has no tensor that could be its other half."""

    name = "orphans"
    title = "Originals without masks, masks without originals"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        tensors = patient.checkpoint.tensors
        paired = {pair.orig.name for pair in patient.pairs} | patient.masks
        origs = tuple(name for name in tensors if name.endswith("_orig") and name not in paired)
        masks = tuple(
            name
            for name, info in tensors.items()
            if name.endswith("_mask") and name not in paired and _masks_something(patient, name, info.shape)
        )
        if origs:
            yield self._of_origs(patient, origs)
        if masks:
            yield Finding(
                self.name,
                "fault",
                masks,
                f"{counted(len(masks), 'mask')} without an original: {listed(masks)}.",
                "A strict load fails on them, and they prune nothing: what they belonged to was renamed or removed.",
                Repair(f"Drop {counted(len(masks), 'mask')} without an original", dropped=frozenset(masks)),
            )

    def _of_origs(self, patient: Patient, origs: tuple[str, ...]) -> Finding:
        tensors = patient.checkpoint.tensors
        free = {name: own for name in origs if (own := name.removesuffix("_orig")) not in tensors}
        spare = frozenset(origs) - free.keys()
        return Finding(
            self.name,
            "fault",
            origs,
            f"{counted(len(origs), 'original')} without a mask that fits: {listed(origs)}.",
            "Pruning was interrupted or its masks were lost. A strict load into a module that is not pruned fails, and "
            "into one that is pruned too.",
            Repair(f"Restore the names of {counted(len(origs), 'tensor')}", renamed=free, dropped=spare),
        )


def _masks_something(patient: Patient, name: str, shape: tuple[int, ...]) -> bool:
    """Whether a name's mask is one of pruning: attention masks and the like are called so, too."""
    tensors = patient.checkpoint.tensors
    own = name.removesuffix("_mask")
    there = tensors.get(own) or tensors.get(f"{own}_orig")
    return there is not None or own.rpartition(".")[2] in ("weight", "bias")


CHECK = Orphans()
