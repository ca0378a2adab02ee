"""Tensors of one memory of which only one is masked."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.doctor import Finding
from pruner.doctor.patient import Pair, Patient
from pruner.doctor.repairing import permanent
from pruner.ties import sharers
from pruner.words import counted, listed


class TiedApart:
    """See `Check`."""

    name = "tied_apart"
    title = "Tied weights pruned on one side only"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        masked = {pair.orig.name: pair for pair in patient.pairs}
        found: dict[str, tuple[Pair, list[str]]] = {}
        for pair in patient.pairs:
            others = [one.name for one in sharers(patient.checkpoint.tensors, pair.orig) if one.name not in masked]
            if others:
                found[pair.orig.name] = pair, others
        if not found:
            return
        others = [name for _, names in found.values() for name in names]
        yield Finding(
            self.name,
            "fault",
            (*found, *others),
            f"{counted(len(found), 'masked tensor')} with the same memory as others that have no mask: "
            f"{listed(list(found))}, and {listed(others)}.",
            "One module sees pruned weights and the other the dense ones, until prune.remove zeroes both.",
            permanent(
                f"Make {counted(len(found), 'masked tensor')} permanent, with those of the same memory",
                [pair for pair, _ in found.values()],
            ),
        )


CHECK = TiedApart()
