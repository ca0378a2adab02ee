"""Storages that are larger than what is seen of them."""

from __future__ import annotations

from collections.abc import Iterator

from pruner.checkpoint import Storage
from pruner.doctor import Finding
from pruner.doctor.patient import Patient
from pruner.doctor.repairing import Repair
from pruner.words import listed

_LEAST = 1 << 10
"""Bytes that are not worth a word."""


class Inflated:
    """See `Check`. A slice that is saved takes the whole tensor that it was cut from along."""

    name = "inflated"
    title = "Sizes that a view's storage inflates"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        seen: dict[Storage, list[str]] = {}
        spans: dict[Storage, set[tuple[int, int]]] = {}
        tensors = patient.checkpoint.tensors
        for info in tensors.values():
            if info.layout == "strided" and info.numel and not info.pieces:
                seen.setdefault(info.storage, []).append(info.name)
                spans.setdefault(info.storage, set()).add((info.span[0], info.nbytes))
        wasted = {
            storage: storage.nbytes - sum(nbytes for _, nbytes in spans[storage])
            for storage in seen
            if storage.nbytes - sum(nbytes for _, nbytes in spans[storage]) > _LEAST
        }
        if wasted:
            names = tuple(name for storage in wasted for name in seen[storage])
            yield Finding(
                self.name,
                "risk",
                names,
                f"{sum(wasted.values()):,} bytes belong to no tensor: {listed(names)} "
                f"{'is a view' if len(names) == 1 else 'are views'} of more than is seen.",
                "The file is larger than its tensors: torch saves the whole memory that a view looks into. "
                "In torch, clone() before saving.",
                Repair(f"Leave out {sum(wasted.values()):,} bytes that no tensor sees", trimmed=True),
            )


CHECK = Inflated()
