"""Repairs: other names and masks over a checkpoint's numbers, to look at and to save; the file itself stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pruner.amount import Amount
from pruner.checkpoint import Checkpoint, TensorInfo
from pruner.doctor.patient import Pair
from pruner.elements import elements_of, mask_by
from pruner.errors import PrunerError
from pruner.keys import magnitude_keys
from pruner.mask import Mask
from pruner.methods import MaskingMethod
from pruner.methods.custom_from_mask import CustomFromMask
from pruner.module_tree import modules_from_names
from pruner.parallel import threads_here
from pruner.progress import Meter, Progress
from pruner.prune import Pruning, Round, TensorPruning
from pruner.rounds import zeros_of
from pruner.selection import host
from pruner.ties import with_shared_storages

Rule = str | MaskingMethod
"""What makes a mask: the name of a tensor, or a method."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of what a checkpoint holds; like a plan, it does nothing until it is asked for.

    `renamed` leads from names to new ones and `dropped` names tensors that go. `masked` gives tensors, by their new
    names, masks: the tensor of that name in the file, where what is not 0 keeps, or what a method's rule says.
    `trimmed` leaves out of a saved file what no tensor sees. With `by_name` it is done only where it is asked for: the
    file is as sound without it.
    """

    title: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    trimmed: bool = False
    masked: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    by_name: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """What would change, a line each."""
        rules = ((name, rule) for name, rules in self.masked.items() for rule in rules)
        return (
            *(f"{old} → {new}" for old, new in self.renamed.items()),
            *(f"{name} goes" for name in sorted(self.dropped)),
            *(f"{name}: 0 where {rule} is 0" if isinstance(rule, str) else f"{name}: {rule}" for name, rule in rules),
            *(["Saved files hold only what tensors see"] if self.trimmed else []),
        )

    def after(self, done: Repair) -> Repair:
        """What is left of it to do when another repair of the same file has been done."""
        now = done.renamed
        return Repair(
            self.title,
            {now.get(old, old): new for old, new in self.renamed.items() if now.get(old) != new},
            frozenset(now.get(name, name) for name in self.dropped - done.dropped),
            self.trimmed,
            {now.get(name, name): rules for name, rules in self.masked.items() if done.masked.get(name) != rules},
            self.by_name,
        )


def permanent(title: str, pairs: Sequence[Pair]) -> Repair:
    """The tensors under their own names again, pruned where their masks are 0."""
    values = {pair.value.name for pair in pairs if pair.value is not None}
    return Repair(
        title,
        {pair.orig.name: pair.name for pair in pairs},
        frozenset(pair.mask.name for pair in pairs) | values,
        masked={pair.name: (pair.mask.name,) for pair in pairs},
    )


def united(repairs: Iterable[Repair]) -> Repair:
    """All repairs as one; raises `PrunerError` where two of them want different things of one tensor."""
    repairs = list(repairs)
    renamed: dict[str, str] = {}
    for repair in repairs:
        for name, new in repair.renamed.items():
            if renamed.setdefault(name, new) != new:
                raise PrunerError(f"One repair calls “{name}” “{renamed[name]}”, another “{new}”; choose one of them.")
    dropped = frozenset[str]().union(*(repair.dropped for repair in repairs))
    if both := dropped & renamed.keys():
        raise PrunerError(f"One repair renames “{min(both)}”, another drops it; choose one of them.")
    masked: dict[str, dict[Rule, None]] = {}
    for repair in repairs:
        for name, rules in repair.masked.items():
            masked.setdefault(renamed.get(name, name), {}).update(dict.fromkeys(rules))
    left = {name: tuple(rules) for name, rules in masked.items() if name not in dropped or name in renamed.values()}
    trimmed = any(repair.trimmed for repair in repairs)
    return Repair("; ".join(repair.title for repair in repairs), renamed, dropped, trimmed, left)


def repaired(
    checkpoint: Checkpoint,
    repair: Repair,
    pruning: Pruning | None = None,
    progress: Progress | None = None,
    *,
    masks_of: Checkpoint | None = None,
) -> tuple[Checkpoint, Pruning | None]:
    """The checkpoint under its new names, and its pruning with the repair's masks as one more round.

    `masks_of` has the tensors that are masks, where an earlier repair has taken them out of the checkpoint.

    Raises `PrunerError` where a name is taken, a mask has another shape, or numbers cannot be read, and what `progress`
    raises.
    """
    made = _renamed(checkpoint, repair) if repair.renamed or repair.dropped or repair.trimmed else checkpoint
    before = {
        repair.renamed.get(name, name): replace(one, name=repair.renamed.get(name, name))
        for name, one in (pruning.tensors.items() if pruning else ())
        if name not in repair.dropped
    }
    meter = Meter(sum(3 * len(rules) * made[name].nbytes for name, rules in repair.masked.items()) or 1, progress)
    rounds = {
        name: _masked(masks_of or checkpoint, made, name, rules, before.get(name), meter)
        for name, rules in repair.masked.items()
    }
    done = {**before, **rounds}
    checkpoint.require_unchanged()
    return made, Pruning(done) if done else None


def _renamed(checkpoint: Checkpoint, repair: Repair) -> Checkpoint:
    tensors: dict[str, TensorInfo] = {}
    for name, info in checkpoint.tensors.items():
        if name in repair.dropped:
            continue
        new = repair.renamed.get(name, name)
        if new in tensors or (new != name and new in checkpoint.tensors and new not in repair.dropped):
            raise PrunerError(f"{checkpoint.path}: “{name}” cannot be called “{new}”: there is one of that name.")
        tensors[new] = replace(info, name=new, key=info.stored_as, shares_storage_with=())
    known = {module.name: module for module in checkpoint.modules}
    for module in modules_from_names(tensors):
        known.setdefault(module.name, module)
    return replace(
        checkpoint, tensors=with_shared_storages(tensors.values()), modules=tuple(known.values()), edited=True
    )


def _masked(
    source: Checkpoint,
    made: Checkpoint,
    name: str,
    rules: Sequence[Rule],
    before: TensorPruning | None,
    meter: Meter,
) -> TensorPruning:
    """A tensor with a round for each rule."""
    elements = elements_of(
        made,
        name,
        before.mask if before else None,
        threads=threads_here(),
        passed=lambda nbytes: meter.step(nbytes, name),
    )
    rounds = list(before.rounds if before else ())
    for rule in rules:
        if isinstance(rule, str):
            mask, method = _mask_in(source, rule, made[name]) & elements.mask, _from_mask(source)
        else:
            mask, method = rule.mask(elements), rule
        rounds.append(Round(method, Amount.of(1.0), mask.pruned - elements.mask.pruned, None, 0))
        elements = elements.left_by(mask)
    zeros_before, zeros = zeros_of(elements, elements.mask)
    return TensorPruning(name, elements.mask, tuple(rounds), before.zeros_before if before else zeros_before, zeros)


def _from_mask(checkpoint: Checkpoint) -> MaskingMethod:
    return CustomFromMask(str(checkpoint.path))


def _mask_in(checkpoint: Checkpoint, name: str, info: TensorInfo) -> Mask:
    """The mask that a tensor of the file is: 0 prunes, everything else keeps."""
    if checkpoint[name].shape != info.shape:
        raise PrunerError(f"{checkpoint.path}: “{name}” has another shape than “{info.name}”; it is no mask of it.")
    return mask_by(elements_of(checkpoint, name), lambda _, values: host(magnitude_keys(values())) != 0)
