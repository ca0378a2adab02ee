"""Two checkpoints side by side: keys, values, zeros, masks."""

from __future__ import annotations

from dataclasses import dataclass

from pruner.checkpoint import Checkpoint
from pruner.pairs import Both, Difference, match, measure
from pruner.progress import Meter, Progress
from pruner.steps import finish


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs: names that only one has, names that pruning changed, tensors that differ, the keys' order.

    `prefixes` are those of A's and of B's names that were folded, `folded` whether names differ by those or by a
    wrapper, and `matched` how many tensors are in both.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    tensors: tuple[Difference, ...]
    reordered: bool
    prefixes: tuple[str, str] = ("", "")
    folded: bool = False
    matched: int = 0

    @property
    def equal(self) -> bool:
        """Whether both hold the same keys in the same order with the same values and types."""
        return not (self.added or self.removed or self.renamed or self.tensors or self.reordered or self.folded)


def compare(a: Checkpoint, b: Checkpoint, progress: Progress | None = None) -> Comparison:
    """Compare two checkpoints, a chunk at a time; raises `PrunerError` where numbers cannot be read."""
    pairing = match(a, b)
    pairs = [Both(a, b, pair) for pair in pairing.both]
    meter = Meter(sum(info.nbytes for both in pairs for info in both.infos), progress)
    found = [_measured(both, meter) for both in pairs]
    return Comparison(
        added=pairing.added,
        removed=pairing.removed,
        renamed=pairing.renamed,
        tensors=tuple(one for one in found if not one.alike),
        reordered=pairing.reordered,
        prefixes=pairing.prefixes,
        folded=pairing.folded,
        matched=len(found),
    )


def _measured(both: Both, meter: Meter) -> Difference:
    return finish(measure(both), lambda nbytes: meter.step(nbytes, both.pair.name))
