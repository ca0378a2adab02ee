"""What a report tells, as values: files, versions, rounds, tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pruner.checkpoint import TensorInfo
from pruner.module_tree import ModuleNode
from pruner.plan import Plan
from pruner.prune import TensorPruning
from pruner.report.pictures import TensorPicture
from pruner.summaries import Figures


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file: what it is to the report, its name from the folder of what was opened or saved, bytes, SHA-256 in hex."""

    role: str
    name: str
    nbytes: int
    sha256: str


@dataclass(frozen=True, eq=False)
class TensorFacts:
    """A tensor before and after.

    `pruning` is None where no round took it; the figures are None where its numbers cannot be read. `dead` counts the
    channels of the first dimension that have nothing but zeros afterwards; None where there are no channels.
    """

    info: TensorInfo
    pruning: TensorPruning | None = None
    before: Figures | None = None
    after: Figures | None = None
    dead: int | None = None
    picture: TensorPicture | None = None

    @property
    def name(self) -> str:
        """The whole name."""
        return self.info.name

    @property
    def numel(self) -> int:
        """Elements in all."""
        return self.info.numel

    @property
    def pruned(self) -> int:
        """Elements that are masked out."""
        return self.pruning.pruned if self.pruning is not None else 0

    @property
    def zeros_before(self) -> int | None:
        """Zeros in the file."""
        if self.pruning is not None:
            return self.pruning.zeros_before
        return self.before.zeros if self.before is not None else None

    @property
    def zeros(self) -> int | None:
        """Zeros as the tensor would be saved."""
        if self.pruning is not None:
            return self.pruning.zeros
        return self.after.zeros if self.after is not None else None

    @property
    def sparsity_before(self) -> float | None:
        """The share of zeros in the file, in [0, 1]."""
        return share(self.zeros_before, self.numel)

    @property
    def sparsity(self) -> float | None:
        """The share of zeros as the tensor would be saved, in [0, 1]."""
        return share(self.zeros, self.numel)

    @property
    def threshold(self) -> float | None:
        """That of the last round."""
        return self.pruning.rounds[-1].threshold if self.pruning is not None else None

    @property
    def l1_kept(self) -> float | None:
        """The share of the L1 norm that remains, in [0, 1]; None where there was none."""
        return _remains(self.before, self.after, "l1")

    @property
    def l2_kept(self) -> float | None:
        """The share of the L2 norm that remains, in [0, 1]; None where there was none."""
        return _remains(self.before, self.after, "l2")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over tensors; zeros are of those `counted` whose numbers can be read, which have `counted_numel` elements.

    The norms kept are shares, in [0, 1].
    """

    tensors: int
    numel: int
    pruned: int
    counted: int
    counted_numel: int
    zeros_before: int
    zeros: int
    l1_kept: float | None
    l2_kept: float | None

    @classmethod
    def of(cls, tensors: Iterable[TensorFacts]) -> Totals:
        """The totals of some tensors."""
        chosen = list(tensors)
        known = [one for one in chosen if one.before is not None and one.after is not None]
        l1, l2 = ([0.0, 0.0] for _ in range(2))
        for one in known:
            for place, figures in enumerate((one.before, one.after)):
                assert figures is not None
                l1[place] += figures.l1
                l2[place] += figures.l2**2
        return cls(
            len(chosen),
            sum(one.numel for one in chosen),
            sum(one.pruned for one in chosen),
            len(known),
            sum(one.numel for one in known),
            sum(one.zeros_before or 0 for one in known),
            sum(one.zeros or 0 for one in known),
            l1[1] / l1[0] if l1[0] else None,
            (l2[1] / l2[0]) ** 0.5 if l2[0] else None,
        )

    @property
    def sparsity_before(self) -> float | None:
        """The share of zeros in the file, in [0, 1]."""
        return share(self.zeros_before, self.counted_numel)

    @property
    def sparsity(self) -> float | None:
        """The share of zeros afterwards, in [0, 1]."""
        return share(self.zeros, self.counted_numel)


@dataclass(frozen=True, eq=False)
class Report:
    """What was pruned, where and how much, and what is needed to do it again.

    `tensors` are all of the checkpoint's, in the file's order. `recipe` is TOML, empty where no plan is known.
    `versions` are names with what they are.
    """

    source: str
    format: str
    root: str
    tree: ModuleNode
    tensors: tuple[TensorFacts, ...]
    plans: tuple[Plan, ...]
    recipe: str
    files: tuple[FileFacts, ...]
    versions: tuple[tuple[str, str], ...]
    form: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def pruned(self) -> tuple[TensorFacts, ...]:
        """The tensors that rounds took."""
        return tuple(one for one in self.tensors if one.pruning is not None)

    @property
    def total(self) -> Totals:
        """Sums over all tensors."""
        return Totals.of(self.tensors)

    @property
    def total_pruned(self) -> Totals:
        """Sums over the tensors that rounds took."""
        return Totals.of(self.pruned)


def share(part: int | None, whole: int) -> float | None:
    """A part of a whole, in [0, 1]; None where it is not known or there is no whole."""
    return part / whole if part is not None and whole else None


def _remains(before: Figures | None, after: Figures | None, norm: str) -> float | None:
    if before is None or after is None or not getattr(before, norm):
        return None
    return float(getattr(after, norm) / getattr(before, norm))
