"""Which parameters are looked at, and which of them a plan leaves as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.errors import PrunerError
from pruner.plan import Plan, matching
from pruner.sensitivity.ends import ends_of
from pruner.ties import sharers

SMALL = 1000
_MOST_NAMED = 10


def choose(checkpoint: Checkpoint, patterns: Sequence[str] = (), exclude: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that patterns take, all candidates where there are none, less those to exclude; in the file's order.

    Of names for the same memory the first stands for all, tensors without elements are left out, and so are expanded
    ones, which cannot be pruned by the element. Raises `PrunerError` as `Plan.match` does, or where none is left.
    """
    plan = Plan.match(checkpoint, dict.fromkeys(patterns or ("*",), Amount(0)), exclude=exclude)
    found: dict[str, None] = {}
    for name in plan.steps:
        info = checkpoint[name]
        twin = any(other.name in found for other in sharers(checkpoint.tensors, info))
        if info.numel and not info.overlapping and not twin:
            found[name] = None
    if not found:
        raise PrunerError(f"{checkpoint.path}: there is no parameter with elements that could be pruned.")
    return tuple(found)


def warnings_of(checkpoint: Checkpoint, names: Sequence[str]) -> tuple[str, ...]:
    """What to know before the figures of these parameters are relied on, for people."""
    masked = [
        name for name in names if name.endswith("_orig") and f"{name[: -len('_orig')]}_mask" in checkpoint.tensors
    ]
    if not masked:
        return checkpoint.warnings
    return (
        *checkpoint.warnings,
        f"{_listed(masked)}: in the masked form, and looked at without the mask. Make it permanent first: "
        "secateur check FILE --repair OUT --only renamed_keys.",
    )


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What a plan leaves as it is.

    `keep` are patterns of names. With `ends` the first and the last of those with two or more dimensions are left too
    (see `ends_of`). Parameters of fewer than `least` elements, and unless `vectors` those of fewer than two
    dimensions, are left too; but none that `named` gives in full.
    """

    keep: tuple[str, ...] = ()
    ends: bool = False
    least: int = SMALL
    vectors: bool = False
    named: tuple[str, ...] = ()

    def reasons(self, checkpoint: Checkpoint, names: Sequence[str]) -> dict[str, str]:
        """Why each of the names that are held out is; raises `UnknownTensorError` for a pattern without a match."""
        found: dict[str, str] = {}
        for name in names:
            if name not in self.named and (why := self._small(checkpoint[name])):
                found[name] = why
        if self.ends:
            found |= ends_of([name for name in names if len(checkpoint[name].shape) > 1])
        for pattern in self.keep:
            for info in matching(checkpoint, pattern):
                for same in (info, *sharers(checkpoint.tensors, info)):
                    if same.name in names:
                        found[same.name] = f"kept by “{pattern}”"
        return {name: found[name] for name in names if name in found}

    def _small(self, info: TensorInfo) -> str:
        if len(info.shape) < 2 and not self.vectors:
            return "one dimension" if info.shape else "a single number"
        return f"fewer than {self.least:,} elements" if info.numel < self.least else ""


def told(reasons: Mapping[str, str]) -> list[str]:
    """Reasons as lines, names of one reason in one."""
    groups: dict[str, list[str]] = {}
    for name, why in reasons.items():
        groups.setdefault(why, []).append(name)
    return [
        f"Left as {'it is' if len(names) == 1 else 'they are'} ({why}): {_listed(names)}."
        for why, names in groups.items()
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
