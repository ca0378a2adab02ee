"""Pickled modules that hold originals and masks, and no hook that applies them."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import permanent
from pruner.words import counted, listed


class LostHooks:
    """See `Check`. torch leaves a module so when a second round of pruning fails."""

    name = "lost_hooks"
    title = "Pruning hooks that were lost"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        from pruner.pickles.document import Document
        from pruner.pickles.torch_objects import pruning_hooks

        detail = patient.checkpoint.detail
        hooked = pruning_hooks(detail.root.weights.value) if isinstance(detail, Document) else None
        if hooked is None:
            return
        lost = [pair for pair in patient.pairs if pair.name not in hooked]
        if not lost:
            return
        names = tuple(pair.orig.name for pair in lost)
        yield Finding(
            self.name,
            "fault",
            names,
            f"{counted(len(lost), 'tensor')} with original and mask, and no hook: {listed([p.name for p in lost])}.",
            "The module does not multiply by the mask any more: prune.is_pruned says False, prune.remove raises, and "
            "training changes an original that nothing uses. torch leaves this when a second round fails.",
            permanent(
                f"Make {counted(len(lost), 'masked tensor')} permanent",
                lost,
            ),
        )


CHECK = LostHooks()
