"""Values beside their original and mask that are not the product of the two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pruner.doctor import Finding
from pruner.doctor.patient import Pair, Patient
from pruner.doctor.repairing import Repair
from pruner.words import counted, listed

if TYPE_CHECKING:
    import torch


class Products:
    """See `Check`."""

    name = "products"
    title = "Masks whose product is not the value"
    passes = 0

    def find(self, patient: Patient) -> Iterator[Finding]:
        apart = [pair for pair in patient.pairs if pair.value is not None and self._differ(patient, pair)]
        if apart:
            names = tuple(pair.name for pair in apart)
            yield Finding(
                self.name,
                "fault",
                names,
                f"{counted(len(names), 'value')} that "
                f"{'is' if len(names) == 1 else 'are'} not the original times the mask: {listed(names)}.",
                "The file holds one tensor twice and the two disagree: which one counts depends on who loads it.",
                Repair(
                    f"Drop {counted(len(names), 'outdated value')} and keep original and mask",
                    dropped=frozenset(names),
                ),
            )

    def _differ(self, patient: Patient, pair: Pair) -> bool:
        assert pair.value is not None
        if pair.value.shape != pair.orig.shape:
            return True
        parts = (patient.chunks(one) for one in (pair.value, pair.orig, pair.mask))
        return any(_unlike(*three) for three in zip(*parts, strict=True))


def _unlike(value: torch.Tensor, orig: torch.Tensor, mask: torch.Tensor) -> bool:
    product = orig.to(value.dtype) * mask.to(value.dtype)
    return bool(((value != product) & ~(value.isnan() & product.isnan())).any())


CHECK = Products()
