"""Which tensors of two checkpoints belong together: by name, with prefixes folded, and across the masked form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pruner.checkpoint import Checkpoint

_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Modules that torch.compile, FSDP and checkpointing put anywhere into a name, and that nobody calls so himself."""
_DEEPEST = 4
"""Modules that a prefix has at most."""
_COMMON = 16
"""Prefixes that one rest of a name may have on one side: more of them tell nothing (every “weight” has one)."""
_MANY, _NEARLY_ALL = 0.4, 0.9
"""Shares of a checkpoint's names."""


@dataclass(frozen=True, slots=True)
class Side:
    """A tensor of one checkpoint; `mask` names the tensor that is its mask, where that counts."""

    name: str
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of A and the one of B that belongs to it; None where there is none.

    `name` is A's, without `_orig` where only A has the masked form; B's where A has no such tensor. Where exactly one
    side has a mask, its values are the product of both. Where both have, the tensors are compared as they are.
    """

    name: str
    a: Side | None
    b: Side | None

    @property
    def product(self) -> bool:
        """Whether the masked form of one side meets the plain form of the other."""
        return self.a is not None and self.b is not None and (self.a.mask is None) != (self.b.mask is None)


@dataclass(frozen=True, eq=False)
class Pairing:
    """The pairs in the order of A's keys, then B's own in the order of B's; `prefixes` are those folded, of A and of B.

    A prefix ends in a dot, and is empty where none was folded. `reordered` tells whether B has the keys that belong to
    A's in another order.
    """

    pairs: tuple[Pair, ...]
    prefixes: tuple[str, str] = ("", "")
    reordered: bool = False

    @property
    def both(self) -> tuple[Pair, ...]:
        """The pairs that have two sides."""
        return tuple(pair for pair in self.pairs if pair.a is not None and pair.b is not None)

    @property
    def added(self) -> tuple[str, ...]:
        """B's tensors that A has not."""
        return tuple(pair.b.name for pair in self.pairs if pair.a is None and pair.b is not None)

    @property
    def removed(self) -> tuple[str, ...]:
        """A's tensors that B has not."""
        return tuple(pair.a.name for pair in self.pairs if pair.b is None and pair.a is not None)

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """A's and B's names of what has the masked form on one side only."""
        return tuple((pair.a.name, pair.b.name) for pair in self.both if pair.a and pair.b and pair.product)

    @property
    def folded(self) -> bool:
        """Whether some names differ by a prefix or a wrapper."""
        return any(pair.a and pair.b and pair.a.name != pair.b.name and not pair.product for pair in self.both) or any(
            self.prefixes
        )


@dataclass(eq=False)
class _Rest:
    """What of one checkpoint has no partner yet, in the file's order."""

    checkpoint: Checkpoint
    names: dict[str, None] = field(init=False)

    def __post_init__(self) -> None:
        self.names = dict.fromkeys(self.checkpoint.tensors)

    def base(self, name: str) -> str | None:
        """The name of the parameter that a tensor is the original of, in the masked form."""
        base = name.removesuffix("_orig")
        return base if base != name and f"{base}_mask" in self.checkpoint.tensors else None

    def spellings(self) -> Iterator[tuple[str, str]]:
        """The names that a tensor may be found by, without wrappers, each with the tensor's own."""
        for name in self.names:
            for one in (name, self.base(name)):
                if one is not None:
                    yield _unwrapped(one), name


def match(a: Checkpoint, b: Checkpoint) -> Pairing:
    """The pairs of two checkpoints; no number is read.

    Equal names belong together. Of the others, the one prefix on each side (possibly none) is folded that brings most
    tensors of equal shape together, such as `module.` of DistributedDataParallel or `ema.`; it must hold for half of
    the smaller rest. `NAME_orig` with `NAME_mask` belongs to a plain NAME.
    """
    left, right = _Rest(a), _Rest(b)
    found: dict[str, Pair] = {}
    _take(found, left, right, str, str)
    _take(found, left, right, _unwrapped, _unwrapped)
    prefixes = _prefixes(left, right)
    if any(prefixes):
        _take(found, left, right, *(_without(prefix) for prefix in prefixes))
    pairs = [found.get(name) or Pair(name, Side(name), None) for name in a.tensors]
    places = {name: place for place, name in enumerate(b.tensors)}
    order = [places[pair.b.name] for pair in pairs if pair.b is not None]
    alone = [Pair(name, None, Side(name)) for name in right.names]
    return Pairing((*pairs, *alone), prefixes, order != sorted(order))


def _take(
    found: dict[str, Pair], left: _Rest, right: _Rest, spell_a: Callable[[str], str], spell_b: Callable[[str], str]
) -> None:
    """Find partners among what is left, by names as they are spelled."""
    plain: dict[str, str] = {}
    bases: dict[str, str] = {}
    for name in right.names:
        plain.setdefault(spell_b(name), name)
        if (base := right.base(name)) is not None:
            bases.setdefault(spell_b(base), name)
    for name in tuple(left.names):
        base = left.base(name)
        pair = None
        if (other := plain.get(spell_a(name))) in right.names:
            pair = _alike(left, right, name, other)
        elif base is not None and (other := plain.get(spell_a(base))) in right.names:
            pair = Pair(base, Side(name, f"{base}_mask"), Side(other))
        elif (other := bases.get(spell_a(name))) in right.names:
            pair = Pair(name, Side(name), Side(other, f"{right.base(other)}_mask"))
        if pair is not None:
            assert pair.b is not None
            found[name] = pair
            del left.names[name], right.names[pair.b.name]


def _alike(left: _Rest, right: _Rest, name: str, other: str) -> Pair:
    """Tensors of one form; masks count where both have one."""
    bases = left.base(name), right.base(other)
    if None in bases:
        return Pair(name, Side(name), Side(other))
    return Pair(name, Side(name, f"{bases[0]}_mask"), Side(other, f"{bases[1]}_mask"))


def _prefixes(left: _Rest, right: _Rest) -> tuple[str, str]:
    """The prefixes that bring most of what is left together; empty where they would not hold for half of it."""
    heads: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for spelled, name in right.spellings():
        for prefix, rest in _splits(spelled):
            if len(heads[rest]) <= _COMMON:
                heads[rest].append((prefix, name))
    votes: Counter[tuple[str, str]] = Counter()
    for spelled, name in left.spellings():
        shape = left.checkpoint[name].shape
        for prefix, rest in _splits(spelled):
            if len(ends := heads.get(rest, [])) <= _COMMON:
                votes.update((prefix, other) for other, there in ends if right.checkpoint[there].shape == shape)
    del votes["", ""]
    fitting = {
        pair: count
        for pair, count in votes.items()
        if not all(pair) or _wrap(_share(left, pair[0]), _share(right, pair[1]))
    }
    best = max(fitting, key=lambda pair: (fitting[pair], -len(pair[0]) - len(pair[1])), default=("", ""))
    needed = min(len(left.names), len(right.names))
    return best if fitting and 2 * fitting[best] >= needed else ("", "")


def _wrap(one: float, other: float) -> bool:
    """Whether two prefixes that differ may be taken for one, by their shares; else a layer might be for the next."""
    return min(one, other) >= _MANY and max(one, other) >= _NEARLY_ALL


def _share(rest: _Rest, prefix: str) -> float:
    """The share of a checkpoint's names that begin so."""
    names = rest.checkpoint.tensors
    return sum(_unwrapped(name).startswith(prefix) for name in names) / len(names)


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """A name as a prefix, which ends in a dot or is empty, and its rest."""
    at = 0
    for _ in range(_DEEPEST + 1):
        yield name[:at], name[at:]
        at = name.find(".", at) + 1
        if not at:
            return


def _unwrapped(name: str) -> str:
    parts = name.split(".")
    return name if _WRAPPERS.isdisjoint(parts) else ".".join(part for part in parts if part not in _WRAPPERS)


def _without(prefix: str) -> Callable[[str], str]:
    return lambda name: _unwrapped(name).removeprefix(prefix)
