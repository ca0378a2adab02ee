"""The next round: which tensors it takes, how much of each, and what it will leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from app import numbers
from app.choice import WHOLE, Choice
from app.fitting import is_prunable, zeros_now
from app.forecast import Outlook, Stock, left_for, pooled, taken, zeros_after
from app.ledger import UNKNOWN, Ledger, columns_of
from pruner import Amount, AmountValueError, Checkpoint, Pruning
from pruner.ties import sharers

Entries = Mapping[str, Amount | None]
"""The tensors that take part; None is without an amount of its own, for methods that take none."""


@dataclass(frozen=True, eq=False)
class NextRound:
    """What is planned on a checkpoint, and what follows from it; `zeros` and `channels` are what is counted so far.

    `unfits` is what `unfit` has found for the checkpoint and the method. Rounds planned one after another share it,
    since asking anew takes most of the time of a plan over many tensors.
    """

    checkpoint: Checkpoint | None = None
    pruning: Pruning | None = None
    choice: Choice = field(default_factory=Choice)
    entries: Entries = field(default_factory=dict)
    zeros: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)
    unfits: dict[str, str] = field(default_factory=dict)

    # Which tensors

    @cached_property
    def planned(self) -> Mapping[str, Amount]:
        """What the round takes, by tensor, in the order of the file; of no meaning to methods without an amount."""
        if self.checkpoint is None or self.choice.method is None or not self.entries:
            return {}
        fit = [name for name in self.checkpoint.tensors if name in self.entries and not self.unfit(name)]
        if not self.choice.takes_amount:
            return dict.fromkeys(fit, WHOLE)
        if self.choice.together:
            return {} if self._too_many_together else self._candidates
        amounts = ((name, self.entries[name]) for name in fit)
        return {name: one for name, one in amounts if one is not None and not self.too_many(name, one)}

    @cached_property
    def passed_over(self) -> Mapping[str, str]:
        """The tensors that have an amount, or need none, and are not taken all the same, with the reason of each."""
        if self.choice.method is None:
            return {}
        found = ((name, self.why_not(name)) for name in self.entries if name not in self.planned)
        return {name: why for name, why in found if why}

    def why_not(self, name: str) -> str:
        """Why a tensor that takes part is not planned, as the end of a sentence; empty where it has no amount yet."""
        amount = self.entries.get(name)
        if why := self.unfit(name):
            return why
        if amount is None or not self.choice.takes_amount:
            return ""
        return self._too_many_together if self.choice.together else self.too_many(name, amount)

    def unfit(self, name: str) -> str:
        """Why the method has no meaning for a tensor, as the end of a sentence; empty where it has."""
        why = self.unfits.get(name)
        if why is None:
            why = self.unfits[name] = self._unfit(name)
        return why

    def _unfit(self, name: str) -> str:
        assert self.checkpoint is not None
        info = self.checkpoint[name]
        if not is_prunable(info):
            return f"its elements ({info.dtype}) have no magnitude to prune by"
        return self.choice.method.unfit(info) if self.choice.method is not None else ""

    def too_many(self, name: str, amount: Amount) -> str:
        """Why an amount does not fit one tensor; empty where it does."""
        return "" if amount.is_ratio else _too_many(self.choice, amount, self.stock(name))

    def too_many_of(self, names: Mapping[str, object], amount: Amount) -> str:
        """Why an amount does not fit tensors that are pruned together; empty where it does."""
        return _too_many(self.choice, amount, self._pool(names))

    @cached_property
    def amount_of_all(self) -> Amount | None:
        """The one amount that all tensors have together; None where there is none."""
        return next(iter(self._candidates.values()), None) if self.choice.together else None

    @cached_property
    def _candidates(self) -> Mapping[str, Amount]:
        """The tensors with an amount that the method fits."""
        assert self.checkpoint is not None
        names = [name for name in self.checkpoint.tensors if name in self.entries and not self.unfit(name)]
        return {name: one for name in names if (one := self.entries[name]) is not None}

    @cached_property
    def _too_many_together(self) -> str:
        amount = self.amount_of_all
        return self.too_many_of(self._candidates, amount) if amount is not None else ""

    # How much

    def stock(self, name: str) -> Stock:
        """A tensor before the round."""
        assert self.checkpoint is not None
        info = self.checkpoint[name]
        done = self.pruning[name] if self.pruning is not None and name in self.pruning else None
        pruned = done.pruned if done else 0
        zeros = zeros_now(self.pruning, self.zeros, name)
        if not self._counts_channels or self.unfit(name) or self.choice.method is None:
            numel = info.numel
            return Stock(numel, pruned, zeros, numel, numel - pruned)
        units = info.shape[getattr(self.choice.method, "dim", 0)]
        return Stock(info.numel, pruned, zeros, units, self.channels.get(name) if pruned else units)

    @cached_property
    def _counts_channels(self) -> bool:
        return self.choice.counts_channels

    def count(self, name: str) -> int | None:
        """Units that the round takes of a tensor; None where nothing is planned, or that is not known before."""
        amount = self.planned.get(name)
        if amount is None or self.choice.together or not self.choice.takes_amount:
            return None
        return taken(self.choice, amount, self.stock(name))

    def left(self, name: str) -> int | None:
        """Units of a tensor that its amount counts from; None while they are not counted."""
        stock, amount = self.stock(name), self.entries.get(name)
        return stock.left if amount is None else left_for(self.choice, amount, stock)

    def sums(self, names: Iterable[str]) -> tuple[int, int | None, int | None]:
        """Of planned tensors, or of all together: the units, those that are left, and those that the round takes."""
        if self.choice.together:
            return self.pool.units, self.left_of_all, self.count_of_all
        names = list(names)
        return self._sums_of_planned if names == list(self.planned) else self._sums(names)

    @cached_property
    def _sums_of_planned(self) -> tuple[int, int | None, int | None]:
        return self._sums(self.planned)

    def _sums(self, names: Iterable[str]) -> tuple[int, int | None, int | None]:
        whole, lefts, counts = 0, 0, 0
        known = True
        for name in names:
            stock, amount = self.stock(name), self.planned[name]
            left, count = left_for(self.choice, amount, stock), taken(self.choice, amount, stock)
            known = known and left is not None and count is not None
            whole, lefts, counts = whole + stock.units, lefts + (left or 0), counts + (count or 0)
        return whole, lefts if known else None, counts if known else None

    @cached_property
    def count_of_all(self) -> int | None:
        """Units that the round takes in all; None where that is not known before."""
        if not self.choice.takes_amount:
            return None
        if not self.planned:
            return 0
        if self.amount_of_all is not None:
            return taken(self.choice, self.amount_of_all, self.pool)
        return None if self.choice.together else self.sums(self.planned)[2]

    @cached_property
    def left_of_all(self) -> int | None:
        """Units that the one amount of all counts from; None while they are not counted."""
        amount = self.amount_of_all
        return left_for(self.choice, amount, self.pool) if amount is not None else None

    @cached_property
    def pool(self) -> Stock:
        """The planned tensors as one; memory that has several names counts once, as in the round."""
        return self._pool(self.planned)

    def _pool(self, names: Mapping[str, object]) -> Stock:
        assert self.checkpoint is not None
        first: dict[str, None] = {}
        for name in names:
            info = self.checkpoint[name]
            if not info.shares_storage_with or not any(o.name in first for o in sharers(self.checkpoint.tensors, info)):
                first[name] = None
        return pooled(self.stock(name) for name in first)

    # What it leaves

    def outlook(self, name: str) -> Outlook | None:
        """Zeros of a tensor now and after the round; None while its values are not counted."""
        assert self.checkpoint is not None
        numel, zeros = self.checkpoint[name].numel, zeros_now(self.pruning, self.zeros, name)
        if zeros is None:
            return None
        amount = self.planned.get(name)
        if amount is None:
            return Outlook(numel, zeros, zeros)
        known = self.choice.takes_amount and not self.choice.together
        return Outlook(numel, zeros, zeros_after(self.choice, amount, self.stock(name)) if known else None)

    @cached_property
    def ledger(self) -> Ledger:
        """Zeros of all tensors now and after the round, as `outlook` tells them one by one."""
        assert self.checkpoint is not None
        names, pruning = self.checkpoint.tensors, self.pruning
        if pruning is None:
            counts = [self.zeros.get(name, UNKNOWN) for name in names]
        else:
            found = (zeros_now(pruning, self.zeros, name) for name in names)
            counts = [UNKNOWN if zeros is None else zeros for zeros in found]
        now = np.array(counts, np.int64)
        after = now.copy()
        known = self.choice.takes_amount and not self.choice.together
        for place, name in enumerate(names):
            if (amount := self.planned.get(name)) is not None:
                zeros = zeros_after(self.choice, amount, self.stock(name)) if known else None
                after[place] = UNKNOWN if zeros is None else zeros
        return Ledger(now, after)

    def outlook_of_all(self) -> tuple[int, Outlook]:
        """How many of the prunable tensors are counted, and their zeros now and after the round."""
        assert self.checkpoint is not None
        columns, ledger = columns_of(self.checkpoint), self.ledger
        rows = np.flatnonzero(columns.prunable & (ledger.now != UNKNOWN))
        numel, now, afters = int(columns.numels[rows].sum()), int(ledger.now[rows].sum()), ledger.after[rows]
        total = Outlook(numel, now, None if (afters == UNKNOWN).any() else int(afters.sum()))
        amount = self.amount_of_all
        if amount is None or not self.planned:
            return len(rows), total
        outlooks = [self.outlook(name) for name in self.planned]
        taking = [one for one in outlooks if one is not None]
        if len(taking) < len(outlooks):
            return len(rows), total
        pool, before = self.pool, sum(one.now for one in taking)
        after = zeros_after(self.choice, amount, pool)
        alone = pool.numel == sum(one.numel for one in taking)  # no memory with two names
        planned = now - before + after if after is not None and alone else None
        return len(rows), Outlook(numel, now, planned)


def _too_many(choice: Choice, amount: Amount, stock: Stock) -> str:
    if amount.is_ratio or amount.is_target:
        return ""
    try:
        taken(choice, amount, stock)
    except AmountValueError:
        left = numbers.plural(stock.left or 0, choice.unit)
        return f"{numbers.count(int(amount.value))} is more than the {left} that can be pruned"
    return ""
